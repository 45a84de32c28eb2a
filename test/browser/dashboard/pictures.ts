// The pictures of the documentation: as small as a palette makes them.

import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MOST_BYTES = 200_000;

/** @throws if pngquant is not installed, or the picture is too large for a documentation */
export function writePicture(folder: string, name: string, png: Buffer): void {
  mkdirSync(folder, { recursive: true });
  const made = spawnSync('pngquant', ['--speed', '1', '--strip', '256', '-'], {
    input: png,
    maxBuffer: 2 ** 26,
  });
  if (made.error !== undefined)
    throw new Error('pictures need pngquant: apt-get install pngquant', { cause: made.error });
  if (made.status !== 0) throw new Error(`pngquant failed: ${made.stderr.toString()}`);
  const file = join(folder, name);
  writeFileSync(file, made.stdout);
  const { size } = statSync(file);
  console.log(`          ${file}: ${Math.round(size / 1000)} kB`);
  if (size > MOST_BYTES) throw new Error(`${file} has more than ${MOST_BYTES} bytes`);
}
