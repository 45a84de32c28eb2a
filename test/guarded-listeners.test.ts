// Whatever is put on Node's servers, sockets, requests and timers, on the side of clients and of the admin server, is guarded: what it throws is contained
// (src/transport/containment.ts). A listener that is not is found here.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../src');

/** The files of a folder, and of those in it. */
function filesOf(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`);
}

/** Where there is no client yet, or none any more. */
const WITHOUT_CLIENT = ['listeners/bind.ts', 'listeners/ticket-keys.ts', 'admin/admin-socket.ts'];

const GUARDED_FILES = [
  ...['listeners', 'edges', 'admin'].flatMap(filesOf).filter((file) => !WITHOUT_CLIENT.includes(file)),
  'transport/waiting-socket.ts',
];

/** What cannot throw, since it calls one thing of Node's that does not. */
const HARMLESS: ReadonlySet<string> = new Set([
  'ignore',
  'destroyOnError',
  'letGo',
  'resolve',
  // Compares two numbers, and destroys.
  'lookAtProgress',
  '() => clearInterval(timer)',
  '() => socket.destroy()',
  '() => clearTimeout(timer)',
  // One count less, one place free, one entry gone.
  '() => result.release()',
  '() => this.settle(socket)',
  '() => held.delete(socket)',
  // They contain what they throw themselves.
  '() => this.look()',
  '() => this.#checkTime()',
  '() => this.#closeAll()',
  // The socket that accepts: sink.accept is guarded where it is made, in listener.ts.
  '(socket) =>\n    sink.accept(socket)',
  '(error: Error) => {\n    if (server.listening) sink.fail(error);\n  }',
]);

const REGISTRATION =
  /\.(?:on|once|addListener|prependListener)\(\s*(?:'[^']+'|event),\s*|\b(?:setTimeout|setInterval|setImmediate|nextTick|queueMicrotask)\(\s*|createServer\((?:\{[^}]*\}|\w+),\s*/g;
const GUARD = /^(?:[\w.#]+\.)?#?guard\(/;
/** An arrow function that does nothing but to run what it does under a guard. */
const RUN =
  /^\([^()]*\)\s*=>\s*(?:this\.#run|guarded|(?:this\.#)?containment\.run|this\.#contain|this\.#parts\.contain)\(/;

function unguarded(source: string): string[] {
  const found: string[] = [];
  for (const { 0: registration, index } of source.matchAll(REGISTRATION)) {
    // Of Node's own: a time that a socket may be idle.
    if (source.slice(0, index).endsWith('socket.')) continue;
    const listener = source.slice(index + registration.length);
    const name = /^(?:this\.)?#?\w+(?=[,)])/.exec(listener)?.[0];
    const isNamedGuard =
      name !== undefined &&
      new RegExp(`${name.replace('.', '\\.')}\\s*=\\s*(?:[\\w.#]+\\.)?#?guard\\(`).test(source);
    const isHarmless = [...HARMLESS].some(
      (known) => listener.startsWith(known) && /^,?\s*[,)]/.test(listener.slice(known.length)),
    );
    if (!GUARD.test(listener) && !RUN.test(listener) && !isNamedGuard && !isHarmless) {
      found.push(`${registration}${listener.slice(0, 80)}`);
    }
  }
  return found;
}

test('every listener and timer on the side of clients and of the admin server is guarded, or one of those that cannot throw', () => {
  const found = GUARDED_FILES.flatMap((file) =>
    unguarded(readFileSync(join(root, file), 'utf8')).map((where) => `${file}: ${where}`),
  );
  assert.deepEqual(found, []);
});

test('a listener that is not guarded is found', () => {
  for (const source of [
    "socket.on('data', (chunk) => use(chunk));",
    "socket.once(\n  'close',\n  () => this.#finish(),\n);",
    'setTimeout(() => fail(), 5);',
    "response.on('close', onClose);\nconst onClose = () => fail();",
    'server.on(event, (request, response) => serve(request, response));',
    'const server = createServer(limits, (request, response) => serve(request, response));',
  ]) {
    assert.equal(unguarded(source).length, 1, source);
  }
  for (const source of [
    "socket.on('data', turns.guard((chunk) => use(chunk)));",
    "socket.on('error', ignore);",
    "response.on('close', onClose);\nconst onClose = this.#guard(() => fail());",
    'const timer = setTimeout(() => socket.destroy(), 5);',
    'createServer(limits, (request, response) =>\n    containment.run(() => response.destroy(), serve));',
  ]) {
    assert.deepEqual(unguarded(source), []);
  }
});
