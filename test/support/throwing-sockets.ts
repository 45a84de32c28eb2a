// Loaded into every process of a proxy by NODE_OPTIONS: lets an event of a socket to the collector throw in the process that exports spans,
// as long as a file exists. The error's text is one that a collector could have written.

import { existsSync } from 'node:fs';
import { Socket } from 'node:net';

const event = process.env['THROWING_EVENT'];
const file = process.env['THROWING_WHILE'];
const emit: unknown = Reflect.get(Socket.prototype, 'emit');

if (process.argv.includes('export-spans') && event !== undefined && file !== undefined)
  Socket.prototype.emit = function throwingEmit(this: Socket, name: string | symbol, ...rest: unknown[]) {
    if (name === event && existsSync(file)) throw new RangeError('text-of-a-collector');
    return typeof emit === 'function' && Boolean(Reflect.apply(emit, this, [name, ...rest]));
  };
