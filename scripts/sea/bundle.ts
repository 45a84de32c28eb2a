// Bundles Framegate and its packages into one CommonJS file, which is the format that Node 24 takes for a single executable.
// It must fail rather than leave something out that would be looked for in files at run time.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Bundle {
  readonly file: string;
  /** Every file in the bundle, relative to the project. */
  readonly inputs: readonly string[];
}

export interface BundleOptions {
  readonly root: string;
  /** The folder to write the bundle to. */
  readonly work: string;
  /** The path of the esbuild program. */
  readonly bundler: string;
}

export function bundle({ root, work, bundler }: BundleOptions): Bundle {
  const file = join(work, 'framegate.cjs');
  const metafile = join(work, 'inputs.json');
  const options = [
    join(root, 'src/main.ts'),
    '--bundle',
    '--platform=node',
    '--format=cjs',
    `--target=node${process.versions.node}`,
    // Node does not support import() in code that is compiled in advance, but supports require().
    '--supported:dynamic-import=false',
    '--define:import.meta.dirname=__dirname',
    '--log-override:empty-import-meta=error',
    '--log-level=warning',
    // Its form as an ES module finds @grpc/grpc-js by import.meta.url, which a bundle does not have.
    `--alias:@opentelemetry/otlp-grpc-exporter-base=${join(root, 'node_modules/@opentelemetry/otlp-grpc-exporter-base/dist/index.cjs')}`,
    `--alias:@grpc/proto-loader=${join(import.meta.dirname, 'embedded-protos.ts')}`,
    `--metafile=${metafile}`,
    `--outfile=${file}`,
  ];
  const { status, stderr, error } = spawnSync(bundler, options, { cwd: root, encoding: 'utf8' });
  if (status !== 0 || stderr !== '')
    throw new Error(`esbuild failed (${status})\n${stderr}`, { cause: error });
  return { file, inputs: inputsOf(metafile) };
}

function inputsOf(metafile: string): readonly string[] {
  const contents: unknown = JSON.parse(readFileSync(metafile, 'utf8'));
  if (typeof contents !== 'object' || contents === null || !('inputs' in contents)) return [];
  const { inputs } = contents;
  return typeof inputs === 'object' && inputs !== null ? Object.keys(inputs) : [];
}
