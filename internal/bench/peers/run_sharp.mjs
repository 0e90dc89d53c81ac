// sharp in a script: run_sharp.mjs URLS OUT. Eight images in flight: more are no faster on two cores.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

// Installed beside the working directory, not beside this file.
const sharp = createRequire(join(process.cwd(), 'package.json'))('sharp')

const [, , list, out] = process.argv
const urls = readFileSync(list, 'utf8').trim().split('\n')
let next = 0
async function worker () {
  while (next < urls.length) {
    const i = next++
    const response = await fetch(urls[i])
    if (!response.ok) throw new Error(`${urls[i]}: ${response.status}`)
    await sharp(Buffer.from(await response.arrayBuffer()))
      .resize(256, 256, { fit: 'fill' })
      .jpeg({ quality: 80 })
      .toFile(join(out, String(i).padStart(6, '0') + '.jpg'))
  }
}
await Promise.all(Array.from({ length: 8 }, worker))
