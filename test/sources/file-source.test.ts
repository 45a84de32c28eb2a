// Who gets which answer when reloads are asked for at once, and what is counted.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { type ConfigProblem, type Finding, locateFinding, sortProblems } from '../../src/config/problem.ts';
import { findingOf, problemsOf, UnusableConfig } from '../../src/config/unusable-config.ts';
import type { LogFields, Logger } from '../../src/observability/logger.ts';
import { FileSource, type ReloadResult } from '../../src/sources/file-source.ts';
import type { ResourceUpdate } from '../../src/sources/source.ts';
import { nextTurns } from '../support/memory-socket.ts';

const changes = {
  listeners: { added: [], changed: [], removed: [] },
  routes: { added: [], changed: [], removed: [] },
  upstreams: { added: [], changed: [], removed: [] },
  sections: [],
};

const text = [
  'listeners: [{ address: 127.0.0.1:8080 }]',
  'routes: [{ match: { path: /* }, upstream: voice }]',
  'upstreams:',
  '  voice: { endpoints: ["127.0.0.1:50051"] }',
  '',
].join('\n');

/** A change that ends when the test says so. */
interface Applied {
  readonly config: Config;
  succeed(): void;
  fail(error: unknown): void;
}

class ReloadsUnderTest {
  readonly reloads: FileSource;
  readonly file: string;
  readonly applied: Applied[] = [];
  readonly events: string[] = [];
  readonly log: string[] = [];
  remarks: readonly Finding[] = [];
  obstacle: string | undefined = undefined;

  /** @param file instead of one that is written */
  constructor(t: TestContext, file?: string) {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-reloads-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    this.file = join(folder, 'config.yaml');
    this.write(text);
    const say = (_fields: LogFields, message: string): void => {
      this.log.push(message);
    };
    const logger: Logger = {
      level: 'info',
      isLevelEnabled: () => true,
      use() {},
      debug: say,
      info: say,
      warn: say,
      error: say,
      fatal: say,
      child: () => logger,
    };
    this.reloads = new FileSource({
      file: file ?? this.file,
      logger,
      obstacle: () => this.obstacle,
      onBegin: () => this.events.push('begin'),
      onEnd: () => this.events.push('end'),
    });
    this.reloads.start({
      resources: (update) => this.applied.push(this.#applied(update)),
      endpoints: () => assert.fail('a file says nothing of endpoints apart'),
    });
  }

  #applied(update: ResourceUpdate): Applied {
    const { config, version, warnings } = update;
    const epoch = this.applied.length + 2;
    return {
      config,
      succeed: () => {
        const located = this.remarks.map((remark) => locateFinding(remark, update));
        const findings: readonly ConfigProblem[] = sortProblems([...warnings, ...located]);
        this.reloads.judged({ outcome: 'accepted', epoch, changes, findings }, version);
      },
      fail: (error) =>
        this.reloads.judged(
          error instanceof UnusableConfig
            ? { outcome: 'refused', findings: problemsOf(error, update) }
            : { outcome: 'failed', error },
          version,
        ),
    };
  }

  write(content: string): void {
    writeFileSync(this.file, content);
  }
}

function epochOf(result: ReloadResult): number | string {
  return result.result === 'reloaded' ? result.epoch : result.result;
}

test('all that ask while a reload runs share the next one, which reads the file after them', async (t) => {
  const under = new ReloadsUnderTest(t);
  const first = under.reloads.reload('SIGHUP');
  const others = [under.reloads.reload('api'), under.reloads.reload('watch'), under.reloads.reload('SIGHUP')];
  under.write(`${text}limits: { headerFields: 77 }\n`);
  await nextTurns(2);
  assert.equal(under.applied.length, 1);
  under.applied[0].succeed();
  assert.equal(epochOf(await first), 2);
  await nextTurns(2);
  assert.equal(under.applied.length, 2);
  assert.equal(under.applied[1].config.limits.headerFields, 77);
  const afterwards = under.reloads.reload('api');
  under.applied[1].succeed();
  assert.deepEqual((await Promise.all(others)).map(epochOf), [3, 3, 3]);
  await nextTurns(2);
  under.applied[2].succeed();
  assert.equal(epochOf(await afterwards), 4);
  assert.equal(under.reloads.report.reloaded, 3);
  assert.deepEqual(under.events, ['begin', 'end', 'begin', 'end', 'begin', 'end']);
});

test('what cannot be used is told with its place, and forgotten with the next good one', async (t) => {
  const under = new ReloadsUnderTest(t);
  const refused = under.reloads.reload('api');
  under.applied[0].fail(
    new UnusableConfig([findingOf(['upstreams', 'voice', 'endpoints', 0], new Error('out of order'))]),
  );
  const problems = [`${under.file}:4:24 upstreams.voice.endpoints[0] – out of order`];
  assert.deepEqual(await refused, { result: 'refused', problems });
  assert.deepEqual(under.reloads.report.lastError?.problems, problems);
  assert.ok(under.log.some((line) => line.includes(problems[0])));
  const good = under.reloads.reload('api');
  await nextTurns(2);
  under.applied[1].succeed();
  await good;
  const { reloaded, refused: refusals, failed, lastError } = under.reloads.report;
  assert.deepEqual([reloaded, refusals, failed, lastError], [1, 1, 0, undefined]);
});

test('a fault of ours is told apart from a fault of the configuration, and does not stop the next reload', async (t) => {
  const under = new ReloadsUnderTest(t);
  const failed = under.reloads.reload('api');
  under.applied[0].fail(new TypeError('a bug'));
  assert.deepEqual(await failed, { result: 'failed', problems: ['a bug'] });
  assert.equal(under.reloads.report.failed, 1);
  const good = under.reloads.reload('api');
  await nextTurns(2);
  under.applied[1].succeed();
  assert.equal((await good).result, 'reloaded');
});

test('where there is an obstacle nothing is read and nothing counted', async (t) => {
  const under = new ReloadsUnderTest(t);
  under.obstacle = 'the proxy is draining';
  assert.deepEqual(await under.reloads.reload('SIGHUP'), {
    result: 'ignored',
    problems: ['the proxy is draining'],
  });
  assert.deepEqual(under.events, []);
  assert.deepEqual(under.log, ['reload ignored: the proxy is draining']);
});

test('a configuration that came by standard input is not read again', async (t) => {
  const under = new ReloadsUnderTest(t, '-');
  const problems = ['the configuration came by standard input, which cannot be read again'];
  assert.deepEqual(await under.reloads.reload('SIGHUP'), { result: 'ignored', problems });
  assert.equal(under.applied.length, 0);
});

test('the warnings of a reload are the same in its answer and in the log', async (t) => {
  const under = new ReloadsUnderTest(t);
  under.write(`${text}  spare: { endpoints: ["127.0.0.1:50052"] }\nworkers: 3\n`);
  under.remarks = [{ severity: 'warning', path: ['workers'], at: 'value', message: 'takes effect later' }];
  const reloaded = under.reloads.reload('api');
  await nextTurns(2);
  under.applied[0].succeed();
  const result = await reloaded;
  const warnings = [
    `${under.file}:5:3 upstreams.spare – warning: no route leads to this upstream`,
    `${under.file}:6:10 workers – warning: takes effect later`,
  ];
  assert.deepEqual(result.result === 'reloaded' && result.warnings, warnings);
  assert.deepEqual(under.log.slice(-2), warnings);
});
