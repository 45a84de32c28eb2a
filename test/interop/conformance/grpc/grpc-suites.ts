// Which gRPC implementation talks to which. Each client has a server of another language at least once; the compressed cases run
// against grpc-java's server, which has them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Interpreter, Missing } from '../../interpreters.ts';
import type { ConformanceSuite } from '../conformance-suite.ts';
import type { GoTool, GoTools } from '../go-tools.ts';
import { commonCases, compressedStreamingCases, compressedUnaryCases } from './cases.ts';
import { type JavaTools, prepareJavaTools } from './java-tools.ts';
import { nodeClient } from './node-client.ts';
import { type Pairing, pairingSuite } from './pairing.ts';
import { goClient, javaClient } from './programs.ts';
import { pythonClient } from './python-client.ts';
import { startTestServer } from './test-server.ts';

const nodeTool = { version: grpcJsVersion() };
const serverClass = 'io.grpc.testing.integration.TestServiceServer';

export function grpcSuites(
  go: GoTools,
  python: Interpreter | Missing,
  warn: (text: string) => void,
): readonly ConformanceSuite[] {
  const java = prepareJavaTools(warn);
  const goServer = go['grpc-go server'];
  const goClientTool = go['grpc-go client'];
  return [
    between('grpc-go', goClientTool, 'grpc-java', java, (client, server) => ({
      startServer: () => startJava(server),
      client: goClient(client.executable),
      cases: commonCases,
    })),
    between('grpc-java', java, 'grpc-go', goServer, (client, server) => ({
      startServer: () => startGo(server),
      client: javaClient(client),
      cases: commonCases,
    })),
    between('grpc-java', java, 'grpc-java', java, (client, server) => ({
      startServer: () => startJava(server),
      client: javaClient(client),
      cases: [...compressedUnaryCases, ...compressedStreamingCases],
    })),
    between('grpcio', python, 'grpc-go', goServer, (client, server) => ({
      startServer: () => startGo(server),
      client: pythonClient(client.executable),
      cases: commonCases,
    })),
    between('grpcio', python, 'grpc-java', java, (client, server) => ({
      startServer: () => startJava(server),
      client: pythonClient(client.executable),
      cases: compressedUnaryCases,
    })),
    between('grpc-js', nodeTool, 'grpc-go', goServer, (_, server) => ({
      startServer: () => startGo(server),
      client: nodeClient,
      cases: commonCases,
    })),
    between('grpc-js', nodeTool, 'grpc-java', java, (_, server) => ({
      startServer: () => startJava(server),
      client: nodeClient,
      cases: [...compressedUnaryCases, ...commonCases],
    })),
  ];
}

/** Of what is there and what is not, as the tools' preparation says it. */
type Found<Tool> = Exclude<Tool, { readonly missing: string }>;

interface Versioned {
  readonly version: string;
}

function between<Client extends Versioned | Missing, Server extends Versioned | Missing>(
  clientName: string,
  client: Client,
  serverName: string,
  server: Server,
  pairing: (client: Found<Client>, server: Found<Server>) => Omit<Pairing, 'name'>,
): ConformanceSuite {
  const name = `gRPC interop, ${titled(clientName, client)} to ${titled(serverName, server)}`;
  if (isMissing(client)) return { name, skipped: client.missing };
  if (isMissing(server)) return { name, skipped: server.missing };
  return pairingSuite({ name, ...pairing(found(client), found(server)) });
}

function isMissing(tool: object): tool is Missing {
  return 'missing' in tool;
}

function found<Tool extends object>(tool: Tool): Found<Tool> {
  if (!isFound(tool)) throw new Error('a tool that is missing');
  return tool;
}

function isFound<Tool extends object>(tool: Tool): tool is Found<Tool> {
  return !('missing' in tool);
}

function titled(name: string, tool: Versioned | Missing): string {
  return 'version' in tool ? `${name} ${tool.version}` : name;
}

function grpcJsVersion(): string {
  const file = join(import.meta.dirname, '../../../../node_modules/@grpc/grpc-js/package.json');
  const contents: { readonly version: string } = JSON.parse(readFileSync(file, 'utf8'));
  return contents.version;
}

function startGo(tool: Found<GoTool>) {
  return startTestServer(tool.executable, (port) => ['-port', String(port)]);
}

function startJava(tools: JavaTools) {
  return startTestServer('java', (port) => [
    ...tools.options,
    serverClass,
    `--port=${port}`,
    '--use_tls=false',
  ]);
}
