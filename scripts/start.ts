// `npm start`: turns a fresh checkout into a running proxy with a service behind it, and proves it by one real call. Here are its
// options and the build. What needs the packages of `npm ci` is loaded afterwards, so that their absence can be told in a sentence.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readStartOptions, usage } from './start-options.ts';

const compiler = 'node_modules/typescript/bin/tsc';

try {
  process.exitCode = await start();
} catch (error) {
  console.error(`start: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function start(): Promise<number> {
  const options = readStartOptions(process.argv.slice(2), process.env['npm_config_port'] !== undefined);
  if (typeof options === 'string') {
    console.error(`start: ${options}\n\n${usage}`);
    return 1;
  }
  if (options.isHelp) {
    process.stdout.write(usage);
    return 0;
  }
  // The paths of the configuration and of the client lines are relative to the project.
  process.chdir(join(import.meta.dirname, '..'));
  if (!existsSync(compiler)) throw new Error('the packages are not installed; run "npm ci" first');
  await build();
  const { serveAndProve } = await import('./serve-and-prove.ts');
  return serveAndProve({ file: 'config.example.yaml', mainFile: 'dist/main.js', port: options.port });
}

async function build(): Promise<void> {
  console.log('start: builds dist/ from src/ and dashboard/');
  const [compiled, bundled] = await Promise.all([
    exitCodeOf([compiler, '-p', 'tsconfig.build.json']),
    exitCodeOf(['scripts/build-page.ts']),
  ]);
  if (compiled !== 0) {
    throw new Error(
      'the build failed, and tsc has said why above; correct it, or take it back by git restore src',
    );
  }
  if (bundled !== 0) {
    throw new Error(
      'the build of the dashboard failed, and Vite has said why above; correct it, or take it back by git restore dashboard',
    );
  }
}

async function exitCodeOf(args: readonly string[]): Promise<number | null> {
  const building = spawn(process.execPath, args, { stdio: 'inherit' });
  const [exitCode]: (number | null)[] = await once(building, 'exit');
  return exitCode;
}
