import { readFileSync, writeFileSync } from 'node:fs'

writeFileSync('generated.js', `export const model = ${readFileSync('schema.json')}`)
