// `framegate explain` as a person runs it, and how a page of Markdown looks in a terminal.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { pageText } from '../../src/cli/page-text.ts';
import { EXPLAINING_PAGES, readPage, readPages, readRemedy } from '../../src/diagnosis/pages/page.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const pages = readPages();

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function explainInput(input: string, ...argv: readonly string[]): Outcome {
  const env = { ...process.env, FORCE_COLOR: undefined };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'explain', ...argv], {
    encoding: 'utf8',
    env,
    input,
  });
  return { code: status, stdout, stderr };
}

function explain(...argv: readonly string[]): Outcome {
  return explainInput('', ...argv);
}

suite('framegate explain', () => {
  test('more input than a text to explain has ends with a sentence', () => {
    const { code, stdout, stderr } = explainInput('x\n'.repeat(600_000), '-');
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^framegate explain: the text is longer than 1 MiB/);
  });

  test('a problem that check prints is known as one, although no page has it', () => {
    const problem = 'routes[0].access – warning: asks nobody who they are: addresses and paths alone decide';
    for (const text of [problem, `config.yaml:20:73 ${problem}`]) {
      const { code, stderr } = explain(text);
      assert.equal(code, 1);
      assert.match(stderr, /this is a problem that framegate check finds at routes\[0\]\.access; /);
    }
  });

  test('without a word lists every diagnosis', () => {
    const { code, stdout } = explain();
    assert.equal(code, 0);
    for (const page of pages) assert.ok(stdout.includes(`${page.code}  ${page.title} (${page.token})\n`));
  });

  test('shows the page of a code in either case, and of a token', () => {
    for (const word of ['FG1001', 'fg1001', '1001', 'plaintext_on_tls_port']) {
      const { code, stdout } = explain(word);
      assert.equal(code, 0);
      assert.match(stdout, /^FG1001: A client without TLS on a TLS port\n/);
      assert.match(stdout, /\nRemedy\n\nUse TLS credentials in the client/);
    }
  });

  test('finds pages by a text, as one word or as many, and says which words the page quotes', () => {
    for (const argv of [
      ['connect() failed (111: Connection refused)'],
      ['connect()', 'failed', '(111:', 'Connection', 'refused)'],
    ]) {
      const { code, stdout } = explain(...argv);
      assert.equal(code, 0);
      assert.match(stdout, /^The page of FG2001 quotes: connect failed 111 Connection refused\n\nFG2001: /);
    }
  });

  test('lists the pages where several fit', () => {
    const { code, stdout } = explain('Trying to connect an http1.x server');
    assert.equal(code, 0);
    assert.match(stdout, /^2 explanations fit; framegate explain CODE shows the page of one, .*\n\nFG1001 /);
    assert.match(stdout, /\nFG2021 {2}The endpoint speaks HTTP\/1\.1\n/);
  });

  test('explains a line of its own log, and the reason of a call, by the table that has it', () => {
    for (const [wanted, begin] of [
      [
        '{"method":"/a.B/C","grpcStatus":"CANCELLED","endedBy":"downstream","reason":"The client reset the call (CANCEL).","msg":"exchange finished"}',
        /^The client reset the call \(…\)\.\n\nThe reason in the record of a call\. [^\n]*\n[^\n]*\n$/,
      ],
      [
        'The client reset the call (CANCEL).',
        /^The client reset the call \(…\)\.\n\nThe reason in the record/,
      ],
      [
        '{"level":40,"msg":"lost 1 call: the peer closed the connection"}',
        /^lost …: …\n\nA line of the log, of level warn\. /,
      ],
      ['17:46:11.123 INFO  worker serves worker=1', /^worker serves\n\nA line of the log, of level info\. /],
      ['unavailable', /^UNAVAILABLE at once, for every call\n\nWhere to look: /],
      [
        'StatusCode.RESOURCE_EXHAUSTED',
        /^RESOURCE_EXHAUSTED, HTTP 429\n[^]*cause: a limit of the route: calls \(FG3040\)/,
      ],
      ['StatusCode.UNAUTHENTICATED', /^UNAUTHENTICATED, HTTP 401\n[^]*no credentials \(FG3034\)/],
      [
        '{"method":"/a.B/C","grpcStatus":"UNIMPLEMENTED","endedBy":"upstream","reason":"","msg":"exchange finished"}',
        /^UNIMPLEMENTED, from the service\n[^]*the service does not have the method\s\(docs\/errors-of-others\.md#[^)]*\)[^\n]*\n$/,
      ],
      [
        '{"method":"/a.B/C","grpcStatus":"OK","endedBy":"upstream","reason":"","msg":"exchange finished"}',
        /^exchange finished\n\n[^]*all its fields/,
      ],
      ['PERMISSION_DENIED', /^PERMISSION_DENIED, HTTP 403\n[^]*\(FG3039\)/],
    ] as const) {
      const { code, stdout } = explain(wanted);
      assert.equal(code, 0, wanted);
      assert.match(stdout, begin);
      assert.doesNotMatch(stdout, /diagnoses\/diagnoses/);
    }
  });

  test('a message of one word is explained only where messages begin', () => {
    assert.match(explain('stopped').stdout, /^stopped\n/);
    assert.equal(explain('the car has stopped').code, 1);
  });

  test('shows the section about an error of a library', () => {
    const { code, stdout } = explain('Received message larger than max (5000004 vs. 4194304)');
    assert.equal(code, 0);
    assert.match(stdout, /^docs\/errors-of-others\.md quotes: Received message larger than max /);
    assert.match(stdout, /\nA message is larger than the receiver allows\n/);
  });

  test('finds what a store says that refuses to serve', () => {
    for (const word of ['NOAUTH', 'WRONGPASS', 'NOPERM']) {
      const { code, stdout } = explain(word);
      assert.equal(code, 0, word);
      assert.match(stdout, /\nThe store of shared limits refuses Framegate\n/, word);
    }
  });

  test('of a closed connection names each refusal that looks like it to grpcio', () => {
    const { code, stdout } = explain('Socket closed');
    assert.equal(code, 0);
    for (const refused of ['FG1001', 'FG1029', 'FG1030', 'FG1031', 'FG1034'])
      assert.match(stdout, new RegExp(`^${refused} `, 'm'));
  });

  test('ends quietly when its reader has left', () => {
    const line = `"${process.execPath}" "${main}" explain | head -1`;
    const { stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
    assert.match(stdout, /^FG1001 /);
    assert.equal(stderr, '');
  });

  test('reads a log from standard input', () => {
    const { code, stdout } = explainInput('{"level":40,"code":"FG2001","msg":"refused"}\n', '-');
    assert.equal(code, 0);
    assert.match(stdout, /^FG2001: /);
  });

  test('fails with a sentence where nothing fits', () => {
    for (const [argv, says] of [
      [['FG1008'], /no page has the code "FG1008"\. Did you mean FG1001, /],
      [['no_rout'], /Did you mean no_route\?/],
      [['the', 'server', 'is', 'down'], /no page quotes this text\. Give more of it/],
      [['-'], /there is no text to explain/],
      [[''], /there is no text to explain/],
      [['--jsno'], /there is no option --jsno/],
    ] as const) {
      const { code, stdout, stderr } = explain(...argv);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, says);
    }
  });

  test('text from elsewhere never reaches the terminal with its control characters', () => {
    const { stderr } = explain('\u001b]0;title\u0007');
    assert.doesNotMatch(stderr.trimEnd(), /\p{C}/u);
  });
});

suite('a page in the terminal', () => {
  const root = join(import.meta.dirname, '../..');
  for (const name of ['errorsOfOthers', 'messages', 'reasons', 'alerts'] as const) {
    test(`each link of ${EXPLAINING_PAGES[name]} names a page that exists and a heading that it has`, () => {
      const shown = stripVTControlCharacters(pageText(readPage(name), 100_000, process.stdout));
      const named = Array.from(shown.matchAll(/ \((docs\/[^)\s#]*)(?:#([^)\s]*))?\)/g));
      assert.ok(named.length > 0);
      assert.doesNotMatch(shown, /\]\(/);
      for (const [link, file, anchor] of named) {
        assert.match(file, /\.\w+$/, link);
        assert.ok(existsSync(join(root, file)), link);
        if (anchor !== undefined) assert.ok(headingsOf(join(root, file)).has(anchor), link);
      }
    });
  }

  test('a link to another part of a page that is shown by parts names the page, and one within a whole page is its words', () => {
    assert.match(
      explain('The client gave the call up at its deadline of 2 s.').stdout,
      /The deadline \(docs\/access-log\.md#deadlines\) passed\./,
    );
    assert.equal(pageText('See [the end](#end).', 80, process.stdout), 'See the end.\n');
  });

  test('a heading has no marks of Markdown', () => {
    const shown = pageText('# No `grpc-status` **at** the [end](a.md)', 80, process.stdout);
    assert.equal(stripVTControlCharacters(shown), 'No grpc-status at the end\n');
  });

  test('the indented second line of an item of a list continues its first', () => {
    assert.equal(
      pageText('- one or a\n  connection\n- two', 80, process.stdout),
      '- one or a connection\n- two\n',
    );
    for (const { code, text } of pages) {
      const prose = text.replaceAll(/^```[^]*?^```$/gm, '');
      assert.doesNotMatch(
        stripVTControlCharacters(pageText(prose, 1000, process.stdout)),
        /[a-z,] {2,}[a-z]/,
        code,
      );
      if (!text.includes('```', text.indexOf('## Remedy')))
        assert.doesNotMatch(readRemedy(code), / {2,}\w/, code);
    }
  });

  for (const page of pages) {
    test(`${page.code} has no marks of Markdown left, all of its words, and no line wider than asked unless one word is`, () => {
      const shown = pageText(page.text, 80, process.stdout);
      const prose = stripVTControlCharacters(shown)
        .split('\n')
        .filter((line) => !line.startsWith('    {'));
      for (const line of prose) {
        assert.doesNotMatch(line, /^#|^\||```|\]\(|\*\*/);
        assert.ok(line.length <= 80 || !line.trim().includes(' '), line);
      }
      const words = page.text.replaceAll(/```\w*|\]\([^)]*\)|[`*#|[\]\\-]/g, ' ').match(/\p{L}{3,}/gu) ?? [];
      const shownWords = new Set(shown.match(/\p{L}{3,}/gu));
      const headings = /^(?:client|says|who|told|sentence|meaning)$/;
      for (const word of words.filter((one) => !headings.test(one))) assert.ok(shownWords.has(word), word);
    });
  }
});

/** @returns what a link can name behind #, as GitHub makes it of headings */
function headingsOf(file: string): ReadonlySet<string> {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm);
  return new Set(
    Array.from(headings, ([, heading]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
