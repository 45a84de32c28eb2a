// The screen of framegate top, on a terminal that keeps what is written to it.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { FullScreen } from '../../src/cli/full-screen.ts';
import { PatientOutput } from '../../src/cli/patient-output.ts';
import { standIn } from '../support/stand-in.ts';

class Terminal extends EventEmitter {
  text = '';
  rows = 24;
  columns = 80;
  isFull = false;

  write(text: string): boolean {
    this.text += text;
    return !this.isFull;
  }
}

function begin(): { readonly terminal: Terminal; readonly screen: FullScreen; readonly drawn: () => number } {
  const terminal = new Terminal();
  const stream = standIn<NodeJS.WriteStream>(Object(terminal));
  let redraws = 0;
  const output = new PatientOutput(stream, () => undefined);
  const screen = new FullScreen(stream, output, () => redraws++);
  return { terminal, screen, drawn: () => redraws };
}

test('a page is drawn over the last one, and the usual screen with its cursor comes back', () => {
  const { terminal, screen } = begin();
  screen.enter();
  void screen.show(['one', 'two']);
  screen.leave();
  assert.equal(
    terminal.text,
    '\u001b[?1049h\u001b[?25l\u001b[Hone\u001b[K\ntwo\u001b[K\u001b[J\u001b[?25h\u001b[?1049l',
  );
});

function handlers(): number {
  return process.listenerCount('SIGCONT') + process.listenerCount('SIGTSTP');
}

test('a change of the size and a return from suspension draw at once, until the screen is left', () => {
  const { terminal, screen, drawn } = begin();
  const before = handlers();
  screen.enter();
  terminal.columns = 120;
  terminal.emit('resize');
  assert.deepEqual([drawn(), screen.size], [1, { rows: 24, columns: 120 }]);
  process.emit('SIGCONT');
  assert.equal(drawn(), 2);
  assert.ok(terminal.text.endsWith('\u001b[?1049h\u001b[?25l'));
  screen.leave();
  terminal.emit('resize');
  assert.deepEqual([drawn(), handlers()], [2, before]);
});

test('a slow terminal makes the next page wait', async () => {
  const { terminal, screen } = begin();
  terminal.isFull = true;
  const waiting = screen.show(['one']);
  assert.ok(waiting !== undefined);
  terminal.emit('drain');
  await waiting;
});
