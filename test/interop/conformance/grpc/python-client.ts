// The client with grpcio: one process that is given the cases by name, on modules that grpc_tools makes of testing.proto.

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ReportingChild } from '../../child-process.ts';
import { caseTimeoutMs } from './cases.ts';
import type { ClientSetup, RunCase } from './pairing.ts';

const program = join(import.meta.dirname, 'python/interop_client.py');

export function pythonClient(executable: string): (setup: ClientSetup) => RunCase {
  return (setup) => {
    const child = new ReportingChild({
      name: 'python interop client',
      command: executable,
      args: ['-u', program, JSON.stringify(parametersOf(executable, setup))],
    });
    setup.onStop(async () => {
      child.closeInput();
      if ((await child.exitWithin(5000)) === undefined) child.signal('SIGKILL');
      await child.exit;
    });
    return async (name) => {
      child.command(name);
      const answered = await child.report(name, (report) => report.case === name, caseTimeoutMs);
      if (typeof answered.problem === 'string') throw new Error(answered.problem);
    };
  };
}

function parametersOf(executable: string, setup: ClientSetup): Readonly<Record<string, unknown>> {
  return {
    target: `127.0.0.1:${setup.tlsPort}`,
    ca: setup.caFile,
    generated: generateModules(executable, setup.folder),
    soakIterations: setup.soakIterations,
  };
}

function generateModules(executable: string, folder: string): string {
  const generated = join(folder, 'python-testing');
  mkdirSync(generated, { recursive: true });
  const outputs = [`--python_out=${generated}`, `--grpc_python_out=${generated}`];
  const args = ['-m', 'grpc_tools.protoc', `-I${import.meta.dirname}`, ...outputs, 'testing.proto'];
  const made = spawnSync(executable, args, { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`grpc_tools could not compile testing.proto: ${made.stderr}`);
  return generated;
}
