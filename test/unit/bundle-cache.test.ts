import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cacheFolder } from '../../src/bundle/cache.ts'

test('caches lie where the environment says, and an empty or relative word says nothing', () => {
  assert.equal(cacheFolder({ SALLYPORT_CACHE: '/big/cache', HOME: '/home/ana' }), '/big/cache')
  assert.equal(cacheFolder({ XDG_CACHE_HOME: '/var/cache/ana', HOME: '/home/ana' }), '/var/cache/ana/sallyport')
  for (const word of ['', 'cache', './cache'])
    assert.equal(cacheFolder({ SALLYPORT_CACHE: word, XDG_CACHE_HOME: word, HOME: '/home/ana' }), '/home/ana/.cache/sallyport')
})
