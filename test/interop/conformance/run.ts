// `node test/interop/conformance/run.ts [--full] [--only TEXT]`: the conformance suites of others, alone. Prints every case
// that is of interest and a table; exit code 1 when one failed, or when CI=true and one was skipped.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generateCertificates } from '../../../certs/generate.ts';
import { preparePackageIndexPython } from '../interpreters.ts';
import { printTable, type SuiteResult } from '../result-table.ts';
import { runConformanceSuite } from './conformance-suite.ts';
import { conformanceSuites } from './suites.ts';

const { values: options } = parseArgs({
  options: { full: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
});

function warn(text: string): void {
  console.log(`warning: ${text}`);
}

async function main(): Promise<boolean> {
  console.log('Preparing conformance suites ...');
  const suites = conformanceSuites(preparePackageIndexPython(warn), warn);
  const folder = mkdtempSync(join(tmpdir(), 'framegate-conformance-'));
  // Every case starts a Framegate of its own; it starts sooner when what an earlier one compiled is kept.
  process.env.NODE_COMPILE_CACHE ??= join(folder, 'compiled');
  try {
    const setup = {
      folder,
      certificates: await generateCertificates(join(folder, 'certs')),
      isFull: options.full,
    };
    const results: SuiteResult[] = [];
    for (const suite of suites) {
      if (suite.name.includes(options.only)) results.push(await runConformanceSuite(suite, setup));
    }
    return printTable(results);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = (await main()) ? 0 : 1;
