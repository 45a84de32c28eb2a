// Loaded into every process of a proxy by NODE_OPTIONS: lets an event of a socket to a collector or a store throw in the process that has it, or
// take memory without end, as long as a file exists. The error's text is one that the server could have written.

import { existsSync } from 'node:fs';
import { Socket } from 'node:net';

/** More than such a process may have in all. */
const MOST_BYTES = 400 * 1024 * 1024;
/** The hidden command of the process. */
const command = process.env['THROWING_COMMAND'] ?? 'export-spans';
const event = process.env['THROWING_EVENT'];
const file = process.env['THROWING_WHILE'];
const harm = process.env['THROWING_HARM'];
const kept: unknown[] = [];
const emit: unknown = Reflect.get(Socket.prototype, 'emit');

if (process.argv.includes(command) && event !== undefined && file !== undefined)
  Socket.prototype.emit = function throwingEmit(this: Socket, name: string | symbol, ...rest: unknown[]) {
    if (name === event && existsSync(file)) doHarm();
    return typeof emit === 'function' && Boolean(Reflect.apply(emit, this, [name, ...rest]));
  };

function doHarm(): void {
  // All within one turn of the event loop.
  if (harm === 'fill the heap') for (;;) kept.push(Array.from({ length: 1024 }, () => ({ of: kept.length })));
  if (harm === 'take memory') kept.push(Buffer.alloc(MOST_BYTES, 1));
  else throw new RangeError('text-of-a-collector');
}
