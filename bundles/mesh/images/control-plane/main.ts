import { main } from '../../../../src/mesh/main.ts'

await main(import.meta.url, [])
