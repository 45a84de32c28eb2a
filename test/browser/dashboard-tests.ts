// Checks the types of the tests in `dashboard`, and runs them in a process of their own: they import packages that are installed only here.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface DashboardTestOptions {
  /** Of Chromium. */
  readonly executable: string;
  /** Cases whose name has this text. */
  readonly only: string;
  /** Whether the pictures of the documentation are made, which takes minutes. */
  readonly pictures: boolean;
  readonly signal: AbortSignal;
}

const compiler = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc');
const folder = join(import.meta.dirname, 'dashboard');

/** @returns whether all cases passed */
export async function runDashboardTests({
  executable,
  only,
  pictures,
  signal,
}: DashboardTestOptions): Promise<boolean> {
  if (!(await run([compiler, '-p', folder], signal))) return false;
  const args = ['--executable', executable, '--only', only, ...(pictures ? ['--pictures'] : [])];
  return run([join(folder, 'run-dashboard.ts'), ...args], signal);
}

async function run(args: readonly string[], signal: AbortSignal): Promise<boolean> {
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  const end = () => child.kill('SIGTERM');
  signal.addEventListener('abort', end);
  const [code]: (number | null)[] = await once(child, 'exit');
  signal.removeEventListener('abort', end);
  return code === 0;
}
