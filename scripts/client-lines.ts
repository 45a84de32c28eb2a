// The text that `npm start` prints once the proxy runs: the addresses, and clients to copy and paste, so their lines have no indent.

import type { ReachableAddresses } from './reachable-addresses.ts';

export interface ClientParts {
  readonly caFile: string;
  /** The address of the service behind the proxy. */
  readonly service: string;
}

export function clientLines(
  { tls, cleartext, admin }: ReachableAddresses,
  { caFile, service }: ClientParts,
): string {
  const sections = [
    addressTable([
      ['gRPC over TLS', tls],
      ['gRPC without TLS', cleartext],
      ['service behind it', service],
      ['dashboard', admin === undefined ? undefined : `http://${admin}/ (in a browser)`],
    ]),
  ];
  if (tls !== undefined) {
    sections.push(
      'To call it from another terminal, in this folder:',
      `# grpcurl
grpcurl -cacert ${caFile} -d '{"text": "hello"}' ${tls} voice.VoiceAssistant/Say`,
      pythonClient(tls, caFile),
      nodeClient(tls, caFile),
      `# curl, which speaks no gRPC: the answer says what is wrong
curl --cacert ${caFile} https://${tls}/voice.VoiceAssistant/Say`,
    );
  }
  sections.push(
    'Every command of Framegate runs in this folder as `npx framegate COMMAND`, for example: npx framegate explain FG1001',
    'Ctrl-C lets running calls finish and stops; again stops at once.',
  );
  const rule = '-'.repeat(78);
  return `\n${rule}\n${sections.join('\n\n')}\n${rule}\n`;
}

function addressTable(rows: readonly (readonly [label: string, address: string | undefined])[]): string {
  const lines = rows
    .filter(([, address]) => address !== undefined)
    .map(([label, address]) => `  ${label.padEnd(18)} ${address}`);
  return `Framegate is running.\n\n${lines.join('\n')}`;
}

function pythonClient(address: string, caFile: string): string {
  return `# Python; needs: pip install grpcio-tools
PYTHONPATH=proto python3 - <<'END'
import grpc
messages, services = grpc.protos_and_services("voice.proto")
credentials = grpc.ssl_channel_credentials(open("${caFile}", "rb").read())
with grpc.secure_channel("${address}", credentials) as channel:
    print(services.VoiceAssistantStub(channel).Say(messages.SayRequest(text="hello")))
END`;
}

function nodeClient(address: string, caFile: string): string {
  return `# Node, @grpc/grpc-js
node --input-type=module - <<'END'
import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
const { voice } = grpc.loadPackageDefinition(loadSync('proto/voice.proto'));
const credentials = grpc.credentials.createSsl(readFileSync('${caFile}'));
const client = new voice.VoiceAssistant('${address}', credentials);
client.say({ text: 'hello' }, (error, reply) => {
  console.log(error ?? reply);
  client.close();
});
END`;
}
