// Collects the licences of everything in the executable, which those licences require of a distributor.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGE = /^.*?node_modules\/(?:@[^/]+\/)?[^/]+(?:\/node_modules\/(?:@[^/]+\/)?[^/]+)*/;

/**
 * Throws if a package does not name its licence.
 * @param inputs the files of the bundle, relative to `root`
 */
export function licencesOf(root: string, inputs: readonly string[]): string {
  const folders = new Set(inputs.flatMap((file) => PACKAGE.exec(file)?.[0] ?? []));
  if (folders.size === 0) throw new Error('no package was found in the bundle');
  const parts = [
    `Framegate\n\n${readFileSync(join(root, 'LICENSE'), 'utf8')}`,
    `Node.js ${process.version}, with V8, OpenSSL and others in it:\nhttps://github.com/nodejs/node/blob/${process.version}/LICENSE\n`,
    ...[...folders].toSorted().map((folder) => licenceOf(join(root, folder))),
  ];
  return parts.join(`\n${'-'.repeat(80)}\n\n`);
}

function licenceOf(folder: string): string {
  const { name, version, license }: Record<string, unknown> = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  if (typeof license !== 'string') throw new Error(`${folder} does not name its licence`);
  const texts = readdirSync(folder)
    .filter((file) => /^(?:licen[cs]e|notice|copying)/i.test(file) && existsSync(join(folder, file)))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  return [`${String(name)} ${String(version)} (${license})\n`, ...texts].join('\n');
}
