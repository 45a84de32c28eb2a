// `log.file`: the log of all processes in one file, which is moved away twice under calls and opened again. Each call has its record
// in one of the files, once.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { type ProxySettings, proxyConfigText, startDemo } from '../support/proxy-under-test.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');
const PATIENCE_MS = 60_000;
const REOPENED = 'the log file was opened again';
const CANNOT_REOPEN = 'the log file cannot be opened again';

type Line = Readonly<Record<string, unknown>>;

function linesOf(file: string): readonly Line[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return whole.filter((line) => line !== '').map((line) => JSON.parse(line));
}

interface Scene {
  readonly config: string;
  readonly log: string;
  readonly settings: ProxySettings;
}

async function sceneWith(t: TestContext, settings: ProxySettings): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-log-file-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const sections = { admin: { address: '127.0.0.1:0' }, log: { file: 'proxy.log' }, ...settings.sections };
  const config = join(folder, 'config.yaml');
  const all = { ...settings, sections };
  writeFileSync(config, await proxyConfigText(all));
  return { config, log: join(folder, 'proxy.log'), settings: all };
}

async function serve(t: TestContext, { config, log }: Scene): Promise<ChildProcess> {
  const child = spawn(process.execPath, [mainFile, 'serve', '-c', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let told = '';
  child.stderr?.on('data', (bytes: Buffer) => (told += bytes.toString()));
  child.stdout?.on('data', (bytes: Buffer) => assert.fail(`standard output: ${bytes.toString()}`));
  const serves = (): boolean => linesOf(log).some(({ msg }) => msg === 'framegate serves');
  await eventually('it serves', serves, START_TIMEOUT_MS);
  await eventually('it says where the log is', () => told === `framegate serves; the log is in ${log}\n`);
  return child;
}

function addressOf(log: string, matches: (line: Line) => boolean): string {
  return `http://${String(linesOf(log).find(matches)?.['address'])}`;
}

/** Makes a call that only its path tells from others. */
function call(session: ClientHttp2Session, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', reject);
  stream.on('close', () => resolve());
  stream.resume();
  stream.end(Buffer.alloc(5));
  return promise;
}

/** Calls one after the other until it is told to stop. */
class Caller {
  readonly paths: string[] = [];
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(name: string, session: ClientHttp2Session) {
    this.#ended = this.#run(name, session);
  }

  async #run(name: string, session: ClientHttp2Session): Promise<void> {
    while (!this.#isStopped) {
      const path = `/log.File/${name}-${this.paths.length}`;
      this.paths.push(path);
      await call(session, path);
    }
  }

  more(): Promise<boolean> {
    const before = this.paths.length;
    return eventually('there are more calls', () => this.paths.length > before + 20, PATIENCE_MS);
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#ended;
  }
}

for (const workers of [1, 2]) {
  const where = workers === 1 ? 'of one process' : 'of all workers';

  test(`the log file ${where} is moved away twice under calls, and no line is lost or written twice`, async (t) => {
    const service = await startDemo(t);
    const scene = await sceneWith(t, { endpoints: [service.address], sections: { workers } });
    const child = await serve(t, scene);
    const { log } = scene;
    const address = addressOf(log, ({ listener }) => listener === 'clear');
    const sessions = Array.from({ length: 2 * workers }, () => connect(address));
    t.after(() => sessions.map((session) => session.destroy()));
    const callers = sessions.map((session, index) => new Caller(`c${index}`, session));
    const processes = workers === 1 ? 1 : 1 + workers;
    for (const [number, signal] of (['SIGHUP', 'SIGUSR1'] as const).entries()) {
      await Promise.all(callers.map((caller) => caller.more()));
      const isRecorded = (): boolean => linesOf(log).some(({ msg }) => msg === 'exchange finished');
      await eventually('calls are recorded', isRecorded, PATIENCE_MS);
      renameSync(log, `${log}.${number}`);
      child.kill(signal);
      const reopened = (): boolean => linesOf(log).filter(({ msg }) => msg === REOPENED).length === processes;
      await eventually(`all processes have opened it again at ${signal}`, reopened, PATIENCE_MS);
    }
    await Promise.all(callers.map((caller) => caller.more()));
    await Promise.all(callers.map((caller) => caller.stop()));
    for (const session of sessions) session.close();
    child.kill('SIGTERM');
    await eventually('it ends', () => child.exitCode !== null, PATIENCE_MS);
    assert.equal(child.exitCode, 0);
    const files = [`${log}.0`, `${log}.1`, log].map(linesOf);
    for (const lines of files) assert.ok(lines.some(({ msg }) => msg === 'exchange finished'));
    const recorded = files.flat().filter(({ msg }) => msg === 'exchange finished');
    assert.deepEqual(
      recorded.map(({ method }) => String(method)).toSorted(),
      callers.flatMap(({ paths }) => paths).toSorted(),
    );
  });
}

test('a reload opens the file again, tells that another file waits for the next start, and a new worker writes to the one in use', async (t) => {
  const scene = await sceneWith(t, { sections: { workers: 2 } });
  const child = await serve(t, scene);
  const { log, config, settings } = scene;
  const admin = addressOf(log, ({ msg }) => msg === 'admin server listens');
  renameSync(log, `${log}.0`);
  const sections = { ...settings.sections, log: { file: 'other.log' } };
  writeFileSync(config, await proxyConfigText({ ...settings, sections }));
  const answer = await fetch(`${admin}/api/reload`, { method: 'POST' });
  assert.match(await answer.text(), /log\.file – warning: takes effect when the service is started again/);
  const says = (text: string) => linesOf(log).filter(({ msg }) => String(msg).includes(text)).length;
  await eventually('all have opened it again', () => says(REOPENED) === 3);
  child.kill('SIGUSR2');
  await eventually('workers are replaced', () => says('workers replaced') === 1, PATIENCE_MS);
  assert.equal(existsSync(join(scene.log, '../other.log')), false);
  const calls = connect(addressOf(`${log}.0`, ({ listener }) => listener === 'clear'));
  t.after(() => calls.destroy());
  await call(calls, '/log.File/new');
  await eventually('a new worker writes there', () => says('exchange finished') === 1);
  child.kill('SIGTERM');
  await eventually('it ends', () => child.exitCode === 0, PATIENCE_MS);
});

test('a file that cannot be written keeps it from starting, and check says so too, with the place', async (t) => {
  const { config } = await sceneWith(t, { sections: { log: { file: 'none/proxy.log' } } });
  for (const command of ['check', 'serve']) {
    const { status, stderr, stdout } = spawnSync(process.execPath, [mainFile, command, '-c', config], {
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(
      stderr + stdout,
      /config\.yaml:1:\d+ log\.file – cannot be written: \S+none\/proxy\.log: there is no such folder \(name /,
    );
  }
});

for (const workers of [1, 2])
  test(`workers: ${workers}: a file that cannot be opened again is told of once by each process at SIGHUP, also while it drains`, async (t) => {
    const scene = await sceneWith(t, { sections: { workers, drain: { delay: '1h' } } });
    const child = await serve(t, scene);
    const { log } = scene;
    const [moved, processes] = [`${log}.0`, workers === 1 ? 1 : 1 + workers];
    renameSync(log, moved);
    mkdirSync(log);
    const says = (text: string) => linesOf(moved).filter(({ msg }) => String(msg).includes(text)).length;
    for (const [round, end] of ['reload refused', 'reload ignored'].entries()) {
      child.kill('SIGHUP');
      await eventually('all processes have said so', () => says(CANNOT_REOPEN) >= processes * (round + 1));
      await eventually('the reload has ended', () => says(end) === 1, PATIENCE_MS);
      assert.equal(says(CANNOT_REOPEN), processes * (round + 1));
      if (round > 0) break;
      child.kill('SIGTERM');
      await eventually('it drains', () => says('SIGTERM: stopping') === 1, PATIENCE_MS);
    }
    child.kill('SIGTERM');
    await eventually('it ends', () => child.exitCode === 1, PATIENCE_MS);
  });
