// A process that writes numbered lines to its stdout through the log's destination, and ends in the way it is told.

import { LogDestination } from '../../src/observability/log-destination.ts';

const destination = new LogDestination({ fd: 1 });
process.on('exit', () => destination.flushSync());
for (let number = 0; number < Number(process.argv[2]); number += 1) {
  destination.write(`${String(number).padEnd(99, '.')}\n`);
}
if (process.argv[3] === 'process-exit') process.exit(0);
if (process.argv[3] === 'uncaught-error') throw new Error('an error that nobody caught');
