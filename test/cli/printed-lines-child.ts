// A process that prints the lines of an endless stream on its standard output, which nobody reads, and says after many turns of the event
// loop how many bytes it has taken from the stream.

import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { PrintedLines } from '../../src/cli/printed-lines.ts';

const LINE = Buffer.from(`${'x'.repeat(65_535)}\n`);
let takenBytes = 0;
const source = new Readable({
  read() {
    takenBytes += LINE.length;
    // As from a pipe: in another turn.
    setImmediate(() => this.push(LINE));
  },
});
const lines = new PrintedLines(source, (line) => line);
lines.printed.catch(() => undefined);
for (let turn = 0; turn < 2000; turn++) await nextTurn();
process.send?.(takenBytes);
