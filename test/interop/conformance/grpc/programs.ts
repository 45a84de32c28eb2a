// The clients that are programs of others, one process for each case: grpc-go's and grpc-java's. Their exit code is the verdict.

import { lastLines, runProgram } from '../program.ts';
import { caseTimeoutMs, type InteropCaseName } from './cases.ts';
import { type JavaTools, makeTrustStore, trustStorePassword } from './java-tools.ts';
import type { ClientSetup, RunCase } from './pairing.ts';

const clientClass = 'io.grpc.testing.integration.TestServiceClient';
/** Of one call of a soak and of all; the machine is shared, and speed is not what is tested. */
const soakLatencyMs = 20_000;
const soakSeconds = 50;

export function goClient(executable: string): (setup: ClientSetup) => RunCase {
  return (setup) => async (name) => {
    const trust = ['-use_tls', '-use_test_ca', `-ca_file=${setup.caFile}`];
    await run(executable, [...trust, ...target(setup, name, '-')]);
  };
}

export function javaClient(tools: JavaTools): (setup: ClientSetup) => RunCase {
  return (setup) => async (name) => {
    const store = makeTrustStore(setup.folder, setup.caFile);
    const trust = [
      `-Djavax.net.ssl.trustStore=${store}`,
      `-Djavax.net.ssl.trustStorePassword=${trustStorePassword}`,
    ];
    const args = [...trust, ...tools.options, clientClass, '--use_tls=true', ...target(setup, name, '--')];
    await run('java', args);
  };
}

function target(setup: ClientSetup, name: InteropCaseName, dashes: string): readonly string[] {
  const options = [
    'server_host=127.0.0.1',
    `server_port=${setup.tlsPort}`,
    `test_case=${name}`,
    `soak_iterations=${setup.soakIterations}`,
    `soak_per_iteration_max_acceptable_latency_ms=${soakLatencyMs}`,
    `soak_overall_timeout_seconds=${soakSeconds}`,
  ];
  return options.map((option) => dashes + option);
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const ended = await runProgram(command, { args, timeoutMs: caseTimeoutMs });
  if (ended.ended !== 0) throw new Error(lastLines(ended));
}
