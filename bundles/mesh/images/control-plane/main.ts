import { main } from '../../../../src/mesh/main.ts'
import { extensions } from './extensions.ts'

await main(import.meta.url, extensions)
