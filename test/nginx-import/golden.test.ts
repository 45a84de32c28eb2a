// Every test/golden/nginx/NAME.conf has beside it what `framegate import` makes of it: NAME.yaml, if anything is left to serve, and
// NAME.report.txt. The real nginx accepts those files (`npm run interop -- --only nginx`), but for those in test/golden/nginx-newer,
// which need a newer nginx or modules. UPDATE_GOLDEN=1 writes the outputs anew; read the difference before you keep it.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { placeText } from '../../src/nginx-import/directive.ts';
import { type ImportedConfiguration, importNginx } from '../../src/nginx-import/import-nginx.ts';
import { formatReport, headOf, reportLines } from '../../src/nginx-import/import-report.ts';
import { readNginx } from '../../src/nginx-import/nginx-files.ts';
import { shownName } from '../../src/nginx-import/shown-directive.ts';
import { verifyImport } from '../../src/nginx-import/verify-import.ts';

const golden = join(import.meta.dirname, '../golden');
const files = ['nginx', 'nginx-newer'].flatMap((folder) =>
  readdirSync(join(golden, folder))
    .filter((name) => name.endsWith('.conf'))
    .map((name) => join(golden, folder, name)),
);

/** As if the file were in /etc/nginx, so that the output is the same everywhere. */
function imported(file: string): ImportedConfiguration {
  const reading = readNginx(file);
  assert.ok('configuration' in reading, 'faults' in reading ? reading.faults[0].message : '');
  return importNginx({ ...reading.configuration, folder: '/etc/nginx' });
}

for (const file of files) {
  const name = file.replace(/^.*\/|\.conf$/g, '');
  const output = file.replace(/\.conf$/, '.yaml');

  test(`golden: ${name.replaceAll('-', ' ')}`, () => {
    const result = imported(file);
    const { yaml } = result;
    compare(output, yaml === undefined ? undefined : `${headOf(result, `${name}.conf`)}${yaml}`);
    compare(file.replace(/\.conf$/, '.report.txt'), formatReport(result));
  });

  test(`what is made of ${name} passes the checks of a configuration`, () => {
    const { yaml = '' } = imported(file);
    const { problems, isUsable } = verifyImport(yaml, '/etc/framegate/config.yaml');
    assert.ok(isUsable, JSON.stringify(problems, undefined, 1));
  });

  test(`every directive of ${name} has exactly one verdict`, () => {
    const result = imported(file);
    const lines = reportLines(result);
    // Counted without the parser: as many directives as end by ';' or begin a block.
    // A file that is included twice counts twice, so its directives are counted by how often its first one is there.
    const byFile = Map.groupBy(result.directives, ({ file: part }) => part);
    let written = 0;
    for (const [part, [first]] of byFile) {
      const times = result.directives.filter(
        (one) => placeText(one) === placeText(first) && one.name === first.name,
      );
      written += times.length * countDirectives(readFileSync(join(dirname(file), part), 'utf8'));
    }
    assert.equal(lines.length, written);
    assert.ok(lines.every(({ verdict }) => /^(carried|changed|unsupported)$/.test(verdict)));
    const report = formatReport(result).split('\n');
    for (const { place, text } of lines.filter(({ text: one }) => !/^(default|\S+\/\S+|\d+%|'')/.test(one))) {
      if (!isParameter(result, place, text))
        assert.ok(
          report.some((line) => namesPlace(line, place) && line.includes(`  ${text}`)),
          `${place} ${text}`,
        );
    }
  });

  test(`no secret of ${name} is shown`, () => {
    const result = imported(file);
    assert.doesNotMatch(`${formatReport(result)}${headOf(result, 'x')}${result.yaml}`, /SECRET/);
  });
}

/** Whether a line of the report has a place, alone or among others of its file. */
function namesPlace(line: string, place: string): boolean {
  const [, file = '', number = ''] = /^(.*):(\d+)$/.exec(place) ?? [];
  const [places] = line.trim().split('  ', 1);
  let at = '';
  return places
    .replace(/ \(\d+ times\)$/, '')
    .split(', ')
    .some((one) => {
      const found = /^(.*):(\d+)$/.exec(one);
      at = found?.[1] ?? at;
      return at === file && (found?.[2] ?? one) === number;
    });
}

/** Parameters of blocks such as `map` are judged with the block, and not listed. */
function isParameter({ directives }: ImportedConfiguration, place: string, text: string): boolean {
  return directives.some(
    ({ name, block = [] }) =>
      /^(types|map|geo|split_clients)$/.test(name) &&
      block.some((inner) => placeText(inner) === place && text.startsWith(shownName(inner))),
  );
}

function countDirectives(text: string): number {
  const bare = text
    .replaceAll(/^\s*#.*/gm, '')
    .replaceAll(/"[^"]*"|'[^']*'/g, 'x')
    .replaceAll(/(_by_lua_block) \{.*?\n\s*\}$/gms, '$1;')
    .replaceAll(/(_by_lua_block) \{.*/g, '$1;')
    .replaceAll(/\$\{\w+\}/g, 'x');
  return bare.match(/[;{]/g)?.length ?? 0;
}

test('there are twenty configurations at least that nginx itself accepts', () => {
  assert.ok(files.filter((file) => file.includes('/nginx/')).length >= 20);
});

/** `actual` undefined: the file must not be there. */
function compare(file: string, actual: string | undefined): void {
  if (process.env['UPDATE_GOLDEN'] !== undefined) {
    if (actual === undefined) rmSync(file, { force: true });
    else writeFileSync(file, actual);
  }
  assert.equal(actual, existsSync(file) ? readFileSync(file, 'utf8') : undefined);
}
