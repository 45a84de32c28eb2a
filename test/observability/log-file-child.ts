// Writes 300 lines into files that may not grow beyond a few KiB: whenever a file takes no more, it goes on with the next one.

import { LogComplaints } from '../../src/observability/log-complaints.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { openLogFile } from '../../src/observability/log-file.ts';

// Without a listener the signal that comes with the error would end the process.
process.on('SIGXFSZ', () => undefined);
let files = 0;
const next = (): number => openLogFile(`log.${++files}`);
const destination = new LogDestination({ fd: next(), complaints: new LogComplaints(() => undefined) });
for (let number = 0; number < 300; number++) destination.write(`${String(number).padEnd(99, '.')}\n`);
destination.flush();
let failures = 0;
const timer = setInterval(() => {
  if (destination.pendingBytes === 0) clearInterval(timer);
  if (destination.failedWrites === failures) return;
  failures = destination.failedWrites;
  destination.moveTo(next(), () => undefined);
}, 1);
