// Files of TLS are read again when they have changed. What was read while they changed is not used: each worker reads them by
// itself, and may have seen what others have not.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Change } from '../../src/config/change.ts';
import { CertificateWatch } from '../../src/control/certificate-watch.ts';
import type { LogFields, Logger } from '../../src/observability/logger.ts';
import type { TlsUser } from '../../src/plane/tls-users.ts';
import { eventually } from '../support/eventually.ts';

const ignore = () => undefined;

/** The user of one file, which two workers read one after the other. */
class User implements TlsUser {
  readonly kind = 'listener';
  readonly name = 'tls';
  readonly files: readonly string[];
  /** What each worker serves. */
  readonly used = ['first', 'first'];
  /** What happened, in order: 'first second' is prepared, 'commit', 'discard'. */
  readonly steps: string[] = [];
  /** Runs after the first worker has read the file and before the other does. */
  inBetween: () => void = ignore;

  constructor(t: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-watch-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    this.files = [join(folder, 'server.crt')];
    this.write('first');
  }

  write(content: string): void {
    const [file] = this.files;
    writeFileSync(`${file}.new`, content);
    renameSync(`${file}.new`, file);
  }

  readonly certificates = () => [];

  async prepare(): Promise<Change | undefined> {
    const one = this.#read();
    const { inBetween } = this;
    this.inBetween = ignore;
    inBetween();
    const read = [one, this.#read()];
    this.steps.push(read.join(' '));
    if (read.includes('broken')) throw new Error('it is broken');
    if (read.join() === this.used.join()) return undefined;
    return {
      commit: () => {
        this.steps.push('commit');
        this.used.splice(0, 2, ...read);
      },
      discard: () => {
        this.steps.push('discard');
      },
    };
  }

  #read(): string {
    return readFileSync(this.files[0], 'utf8');
  }
}

/** Looks at the user's file again and again. @returns the problems that the log tells of */
function watch(t: TestContext, user: User): readonly unknown[] {
  const problems: unknown[] = [];
  const logger: Logger = {
    level: 'info',
    isLevelEnabled: () => true,
    use: ignore,
    debug: ignore,
    info: ignore,
    warn: (fields: LogFields) => {
      problems.push(fields['problem']);
    },
    error: ignore,
    fatal: ignore,
    child: () => logger,
  };
  const watched = new CertificateWatch({ users: () => [user], serially: (task) => task(), logger });
  t.after(() => watched.close());
  watched.setInterval(1);
  return problems;
}

test('a file that changes between two workers is read again by both, and only then used', async (t) => {
  const user = new User(t);
  user.inBetween = () => user.write('second');
  watch(t, user);
  await eventually('the second is used', () => user.used.includes('second'));
  assert.deepEqual(user.steps, ['first second', 'discard', 'second second', 'commit']);
});

test('a worker that has read what was replaced at once is not left with it when what follows is broken', async (t) => {
  const user = new User(t);
  user.inBetween = () => user.write('second');
  const problems = watch(t, user);
  await eventually('the file was read', () => user.steps.length > 0);
  user.write('broken');
  await eventually('the log tells of it', () => problems.length > 0);
  assert.equal(new Set(user.used).size, 1, user.used.join());
});

test('what is wrong with a file that changed while it was read is not told: it is read again', async (t) => {
  const user = new User(t);
  user.write('broken');
  user.inBetween = () => user.write('second');
  const problems = watch(t, user);
  await eventually('the second is used', () => user.used.includes('second'));
  assert.deepEqual(user.steps, ['broken second', 'second second', 'commit']);
  assert.deepEqual(problems, []);
});

test('what is wrong with a file is told once, and the file is read again until it is right', async (t) => {
  const user = new User(t);
  user.write('broken');
  const problems = watch(t, user);
  await eventually('it was read again', () => user.steps.length > 2);
  user.write('second');
  await eventually('the second is used', () => user.used.includes('second'));
  assert.deepEqual(problems, ['it is broken']);
  assert.deepEqual(user.used, ['second', 'second']);
});
