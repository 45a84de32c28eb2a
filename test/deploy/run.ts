// `npm run test:deploy [-- --only TEXT]`: what deploy/ and the Dockerfile promise, tried with systemd's and buildah's own
// programs. Installs what it needs where it may. Exit code 1 when a case failed, or when CI=true and one was skipped.

import { parseArgs } from 'node:util';
import { activationCases } from './activation.ts';
import { bootCases } from './booted-system.ts';
import { runCases } from './cases.ts';
import { containerCases } from './container.ts';
import { doctorCases } from './doctor/cases.ts';
import { namedPodCases } from './named-pods.ts';
import { prometheusCases } from './prometheus.ts';
import { unitCases } from './units.ts';

const { values: options } = parseArgs({ options: { only: { type: 'string', default: '' } } });

const cases = [
  ...unitCases,
  ...activationCases,
  ...bootCases,
  ...containerCases,
  ...prometheusCases,
  ...namedPodCases,
  ...doctorCases,
].filter(({ name }) => name.includes(options.only));
const { passed, failed, skipped } = await runCases(cases);
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
const isOk = failed === 0 && passed + skipped > 0 && !(process.env['CI'] === 'true' && skipped > 0);
process.exit(isOk ? 0 : 1);
