// Holds src to ARCHITECTURE.md: who may import whom, which file is the home of which package, and how files look.
// What fails here is fixed in the source; a row of these tables changes only with the architecture.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

/** The rows of the table of folders: a name, what it holds, and what it may import. */
const FOLDER_ROW = /^\| `([a-z0-9.-]+)\/?`[^|]*\|[^|]*\|([^|]+)\|[^|]+\|/gm;

/** The folders of src, top first, and what each may import, as ARCHITECTURE.md says. */
const FLOORS = floorsOf(readFileSync(join(import.meta.dirname, '../ARCHITECTURE.md'), 'utf8'));

function floorsOf(page: string): ReadonlyMap<string, readonly string[]> {
  const [, table = ''] = page.split('\n## Folders\n');
  const floors = new Map<string, readonly string[]>();
  for (const [, folder, cell] of table.split('\nBeside `src`')[0].matchAll(FOLDER_ROW)) {
    assert.ok(!floors.has(folder), `ARCHITECTURE.md has two rows of ${folder}`);
    const named = Array.from(cell.matchAll(/`([a-z0-9-]+)`/g), ([, name]) => name);
    floors.set(folder, named);
  }
  return floors;
}

/** Third-party packages, each with the one file of src that may import it, types included. */
const HOMES: Readonly<Record<string, string>> = {
  '@bufbuild/protobuf': 'decoding/descriptors.ts',
  '@bufbuild/protobuf/wkt': 'decoding/descriptors.ts',
  '@grpc/grpc-js': 'demo/grpc.ts',
  '@grpc/proto-loader': 'demo/voice-proto.ts',
  '@grpc/reflection': 'demo/reflection-service.ts',
  '@opentelemetry/api': 'tracing/readable-spans.ts',
  '@opentelemetry/exporter-trace-otlp-grpc': 'tracing/otlp-grpc-exporter.ts',
  '@opentelemetry/exporter-trace-otlp-proto': 'tracing/otlp-http-exporter.ts',
  '@opentelemetry/otlp-grpc-exporter-base': 'tracing/otlp-grpc-exporter.ts',
  '@opentelemetry/resources': 'tracing/readable-spans.ts',
  '@opentelemetry/sdk-trace': 'tracing/readable-spans.ts',
  'grpc-health-check': 'demo/health-service.ts',
  'http2-proxy': 'upstreams/http1/guarded-proxy.ts',
  'ipaddr.js': 'config/client-network.ts',
  ioredis: 'stores/redis-store.ts',
  jose: 'identities/jwt-signature.ts',
  pino: 'observability/logger.ts',
  protobufjs: 'decoding/proto-files.ts',
  'protobufjs/ext/descriptor/index.js': 'decoding/proto-files.ts',
  'undici/lib/llhttp/llhttp-wasm.js': 'h1/llhttp.ts',
  yaml: 'config/yaml-document.ts',
  zod: 'config/schema-values.ts',
};

/** What each proxy loads at its start. The others wait for import(): for `framegate demo` or `serve --demo`. */
const LOADED_AT_START: readonly string[] = [
  'http2-proxy',
  'ipaddr.js',
  'pino',
  'undici/lib/llhttp/llhttp-wasm.js',
  'yaml',
  'zod',
];
/** What is loaded by import() with its packages only where the configuration or a person asks for it: the demo, what decodes messages, the exporters of `trace`, and the signatures of tokens. */
const ON_DEMAND =
  /^(?:demo\/|decoding\/|cli\/demo\.ts$|tracing\/otlp-(?:http|grpc)-exporter\.ts$|identities\/jwt-signature\.ts|stores\/redis-store\.ts$)/;

const MOST_LINES = 400;
/** Files that may be longer, each with its reason: generated tables, nothing else. */
const LONGER: Readonly<Record<string, string>> = {};

const CLOCK =
  /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b|\b(?:Date|performance|process)\.\w|\bnew Date\b/;
const PRIVATE_TO_NODE = /['"`.](?:_handle|binding|_readableState|_writableState)\b/;
const KEBAB_CASE = /^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)*[a-z0-9]+(?:-[a-z0-9]+)*\.ts$/;
/** import and export from, import for its effects, import(), and Node's modules fetched by name. */
const IMPORT =
  /^(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|^import\s+'([^']+)'|\b(?:import|require|getBuiltinModule)\(\s*['"`]([^'"`]+)/gm;

interface Import {
  readonly from: string;
  readonly specifier: string;
  readonly isType: boolean;
  /** By import(): loaded when it is asked for. */
  readonly isLazy: boolean;
  /** The imported file, relative to src; undefined for packages and Node's modules. */
  readonly file: string | undefined;
}

/** The page in the browser takes types of these files, which import nothing themselves, and nothing else of src. */
const TYPES_FOR_PAGE: readonly string[] = ['admin/dashboard-figures.ts'];
/** The packages that are bundled into the page. */
const PACKAGES_OF_PAGE: readonly string[] = ['preact', 'preact/hooks', 'uplot'];

const root = join(import.meta.dirname, '../src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
const imports = Array.from(sources, ([file, source]) => importsOf(file, source)).flat();

const pageRoot = join(root, '../dashboard');
const pageFiles = readdirSync(pageRoot, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.tsx?$/.test(file),
);
const pageSources = new Map(pageFiles.map((file) => [file, readFileSync(join(pageRoot, file), 'utf8')]));
const pageImports = Array.from(pageSources, ([file, source]) => importsOf(file, source)).flat();

function importsOf(from: string, source: string): Import[] {
  return Array.from(source.matchAll(IMPORT), ([, type, named, bare, called]) => {
    const specifier = named ?? bare ?? called;
    const file = specifier.startsWith('.') ? join(dirname(from), specifier) : undefined;
    return { from, specifier, isType: type !== undefined, isLazy: called !== undefined, file };
  });
}

function folderOf(file: string): string {
  return file.split('/', 1)[0];
}

function isAllowed({ from, file, isType }: Import): boolean {
  if (file === undefined || folderOf(file) === folderOf(from)) return true;
  const allowed = FLOORS.get(folderOf(from)) ?? [];
  return allowed.includes(folderOf(file)) || (isType && allowed.includes(file));
}

/** All that is loaded with these files, themselves included. */
function loadedWith(entries: readonly string[]): ReadonlySet<string> {
  const loaded = new Set(entries);
  for (const file of loaded) {
    for (const one of imports) {
      if (one.from === file && one.file !== undefined && !one.isType && !one.isLazy) loaded.add(one.file);
    }
  }
  return loaded;
}

/** The first way found that leads from a name back to itself. */
function findCircle(nameOf: (file: string) => string): readonly string[] {
  const edges = new Map<string, Set<string>>();
  for (const { from, file } of imports) {
    if (file === undefined || nameOf(from) === nameOf(file)) continue;
    edges.set(nameOf(from), (edges.get(nameOf(from)) ?? new Set()).add(nameOf(file)));
  }
  const done = new Set<string>();
  const follow = (name: string, way: readonly string[]): readonly string[] => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return [];
    done.add(name);
    return [...(edges.get(name) ?? [])].map((next) => follow(next, [...way, name])).find(isFound) ?? [];
  };
  return [...edges.keys()].map((name) => follow(name, [])).find(isFound) ?? [];
}

function isFound(way: readonly string[]): boolean {
  return way.length > 0;
}

function assertNone(violations: readonly Import[]): void {
  assert.deepEqual(
    violations.map(({ from, specifier }) => `${from} imports ${specifier}`),
    [],
  );
}

test('the table has every folder of src and no other', () => {
  assert.deepEqual([...new Set(files.map(folderOf))].toSorted(), [...FLOORS.keys()].toSorted());
});

test('ARCHITECTURE.md allows imports of folders below alone', () => {
  const folders = [...FLOORS.keys()];
  const upwards = Array.from(FLOORS, ([folder, allowed]) =>
    allowed
      .filter((name) => folders.indexOf(name) <= folders.indexOf(folder))
      .map((name) => `${folder} ${name}`),
  ).flat();
  assert.deepEqual(upwards, []);
});

test('imports point down, as the table allows', () => {
  assertNone(imports.filter((one) => !isAllowed(one)));
});

test('neither files nor folders import each other in a circle', () => {
  assert.deepEqual(
    findCircle((file) => file),
    [],
  );
  assert.deepEqual(findCircle(folderOf), []);
});

test('src imports nothing outside src', () => {
  assertNone(imports.filter(({ file }) => file !== undefined && !sources.has(file)));
});

test('each package is imported by its home file, and by no other', () => {
  const ofPackages = imports.filter(({ specifier }) => !/^(?:\.|node:)/.test(specifier));
  assertNone(ofPackages.filter(({ from, specifier }) => HOMES[specifier] !== from));
  const inUse = new Set(ofPackages.map(({ specifier }) => specifier));
  assert.deepEqual([...inUse].toSorted(), Object.keys(HOMES).toSorted());
});

test('a package that not every proxy needs is loaded when it is asked for', () => {
  const entries = imports.flatMap(({ file, isLazy }) =>
    isLazy && file !== undefined && !ON_DEMAND.test(file) ? [file] : [],
  );
  const loaded = loadedWith(['main.ts', ...entries]);
  assert.ok(loaded.has('workers/worker.ts') && loaded.has('plane/data-plane.ts'), 'the entries were found');
  const packages = imports.filter(
    ({ from, specifier, isType, isLazy }) =>
      !/^(?:\.|node:)/.test(specifier) && !isType && !isLazy && loaded.has(from),
  );
  assert.deepEqual([...new Set(packages.map(({ specifier }) => specifier))].toSorted(), LOADED_AT_START);
});

test('the page in the browser imports its packages, itself, and types that import nothing', () => {
  assertNone(
    pageImports.filter(({ file, specifier, isType }) => {
      if (file === undefined) return !PACKAGES_OF_PAGE.includes(specifier);
      if (pageSources.has(file)) return false;
      return !(isType && TYPES_FOR_PAGE.some((name) => file === join('../src', name)));
    }),
  );
  assertNone(imports.filter(({ from }) => TYPES_FOR_PAGE.includes(from)));
});

test('h2 imports nothing outside itself and has no clock', () => {
  assertNone(imports.filter(({ from, file }) => folderOf(from) === 'h2' && file === undefined));
  const withClock = files.filter((file) => folderOf(file) === 'h2' && CLOCK.test(sources.get(file) ?? ''));
  assert.deepEqual(withClock, []);
});

test('what is private to Node is touched by one file of the transport and the one that looks at it first', () => {
  const touching = files.filter((file) => PRIVATE_TO_NODE.test(sources.get(file) ?? ''));
  assert.deepEqual(touching.toSorted(), ['transport/socket-handle.ts', 'transport/stream-binding.ts']);
});

test(`no file is longer than ${MOST_LINES} lines`, () => {
  const lengths = Array.from(
    [...sources, ...pageSources],
    ([file, source]) => [file, source.split('\n').length - 1] as const,
  );
  const tooLong = lengths.filter(([file, lines]) => lines > MOST_LINES && !(file in LONGER));
  assert.deepEqual(tooLong, []);
});

test('there is no default export, and names of files are kebab-case', () => {
  const byDefault = /^export default\b|^export \{[^}]*\bas default\b/m;
  const withDefault = files.filter((file) => byDefault.test(sources.get(file) ?? ''));
  const misnamed = files.filter((file) => !KEBAB_CASE.test(file));
  assert.deepEqual({ withDefault, misnamed }, { withDefault: [], misnamed: [] });
});
