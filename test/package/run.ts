// `npm run test:package [-- --only TEXT]`: what others install, packed and tried elsewhere: the npm package in an empty project,
// the single executable in a root without Node. Exit code 1 when a case failed, or when CI=true and one was skipped.

import { parseArgs } from 'node:util';
import { runCases } from '../deploy/cases.ts';
import { executableCases } from './executable.ts';
import { npmPackageCases } from './npm-package.ts';

const { values: options } = parseArgs({ options: { only: { type: 'string', default: '' } } });

const cases = [...npmPackageCases, ...executableCases].filter(({ name }) => name.includes(options.only));
const { passed, failed, skipped } = await runCases(cases);
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
const isOk = failed === 0 && passed + skipped > 0 && !(process.env['CI'] === 'true' && skipped > 0);
process.exit(isOk ? 0 : 1);
