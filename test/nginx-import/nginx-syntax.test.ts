import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, constant, assert as holds, oneof, property } from 'fast-check';
import { allDirectives, type Directive } from '../../src/nginx-import/directive.ts';
import { parseNginx } from '../../src/nginx-import/nginx-syntax.ts';

function parse(text: string): readonly Directive[] {
  const parsed = parseNginx(text, 'nginx.conf');
  assert.ok('directives' in parsed, 'fault' in parsed ? `${parsed.fault.line}: ${parsed.fault.message}` : '');
  return parsed.directives;
}

/** Each directive as LINE NAME WORDS, the words as JSON. */
function linesOf(text: string): readonly string[] {
  return Array.from(allDirectives(parse(text)), ({ line, name, words }) =>
    [line, name, ...words.map((word) => JSON.stringify(word))].join(' '),
  );
}

function faultOf(text: string): string {
  const parsed = parseNginx(text, 'nginx.conf');
  assert.ok('fault' in parsed, 'the text was read');
  return `${parsed.fault.line}: ${parsed.fault.message}`;
}

test('directives and blocks have the line of their first word', () => {
  const text =
    'worker_processes\n  auto;\n\nhttp {\n  server { listen 80; }\n  # a comment { ;\n  gzip on; }\n';
  assert.deepEqual(linesOf(text), [
    '1 worker_processes "auto"',
    '4 http',
    '5 server',
    '5 listen "80"',
    '7 gzip "on"',
  ]);
});

test('words end where they end for nginx', () => {
  assert.deepEqual(linesOf('a b#c d"e" \'f;g\' "h {i}" j\\;k ${l}m;'), [
    '1 a "b#c" "d\\"e\\"" "f;g" "h {i}" "j\\\\;k" "${l}m"',
  ]);
});

test('a backslash escapes what nginx knows, and stays before anything else', () => {
  assert.deepEqual(linesOf(String.raw`a "b\"c\\d\te" 'f\'g' ^/a\.B/ \$h;`), [
    String.raw`1 a "b\"c\\d\te" "f'g" "^/a\\.B/" "\\$h"`,
  ]);
});

test('a quoted word may go over lines, and an empty one is a word', () => {
  assert.deepEqual(linesOf("a 'b\nc'\n'';\nd;"), ['1 a "b\\nc" ""', '4 d']);
});

test('lines may end as on Windows', () => {
  assert.deepEqual(linesOf('a b;\r\nc {\r\n  d; # e\r\n}\r\n'), ['1 a "b"', '2 c', '3 d']);
});

test('blocks of Lua are not read, whatever they hold', () => {
  const text = [
    'content_by_lua_block {',
    '  local a = "}" -- }',
    '  --[[ } ]] b = [==[ } ]] ]==] if a then c = {} end',
    "  d = 'it\\'s }'",
    '}',
    'e f;',
  ].join('\n');
  const [program] = parse(text);
  assert.equal(program.isProgram, true);
  assert.deepEqual(program.block, []);
  assert.deepEqual(linesOf(text), ['1 content_by_lua_block', '6 e "f"']);
});

test('each mistake is named with its line', () => {
  assert.equal(faultOf('a {\n  b\n}\n'), "2: a ';' is missing behind this directive: a '}' follows");
  assert.equal(faultOf('a b'), "1: a ';' is missing behind this directive: the file ends");
  assert.equal(faultOf('a;\n}\n'), "2: '}' closes no block");
  assert.equal(faultOf('a;\nb {\nc;\n'), "2: the block of b is never closed by '}'");
  assert.equal(faultOf('a "b;\n\nc'), '1: the quotation mark " is never closed');
  assert.equal(faultOf('a "b"c;'), '1: white space is missing behind the closing quotation mark');
  assert.equal(faultOf('\n;'), "2: ';' stands where a directive should begin");
  assert.equal(faultOf('{ }'), "1: '{' stands where a directive should begin");
  assert.equal(
    faultOf('x_by_lua_block {\n local a = "\n'),
    "1: the block of x_by_lua_block is never closed by '}'",
  );
});

test('blocks that are nested without end are a fault, not a full stack', () => {
  assert.match(faultOf('a {'.repeat(100_000)), /^1: blocks are nested more than 64 deep here/);
});

test('a file of four hundred thousand directives is read', () => {
  assert.equal(parse('allow 10.0.0.1;\n'.repeat(400_000)).at(-1)?.line, 400_000);
});

test('any text is directives or a fault', () => {
  const parts = 'a| |{|}|;|"|\'|\\|#|$|\n|\r|\t|-|[|]|=|_by_lua_block'
    .split('|')
    .map((part) => constant(part));
  holds(
    property(array(oneof(...parts), { maxLength: 60 }), (text) => {
      const parsed = parseNginx(text.join(''), 'f');
      return 'fault' in parsed
        ? parsed.fault.line >= 1
        : parsed.directives.every(({ name }) => name !== undefined);
    }),
    { numRuns: 2000 },
  );
});

test('a directive that is never a block but has one lacks its semicolon', () => {
  assert.equal(
    faultOf('server {\n listen 80\n location / { } }'),
    "2: listen has no block: is a ';' missing before 'location'?",
  );
  assert.equal(faultOf('grpc_pass x { }'), "1: grpc_pass has no block: is a ';' missing before '{'?");
  assert.deepEqual(linesOf('location listen { }'), ['1 location "listen"']);
});
