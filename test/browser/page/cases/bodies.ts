// gRPC-Web bodies by hand, for what the libraries would let pass: they take a reply without trailers for a good one.

import { base64Decode, base64Encode } from '@bufbuild/protobuf/wire';
import { check, type PageCase, same, sameBytes } from '../page-case.ts';
import { encode } from '../voice.ts';

const contentTypes = ['', '+proto'].flatMap((suffix) => [
  `application/grpc-web${suffix}`,
  `application/grpc-web-text${suffix}`,
]);

export const bodyCases: readonly PageCase[] = contentTypes.map((contentType) => ({
  name: `gRPC-Web bodies: ${contentType} is answered in kind, with its trailers as the last frame`,
  run: () => bodies(contentType),
}));

interface Frame {
  readonly flags: number;
  readonly payload: Uint8Array;
}

async function bodies(contentType: string): Promise<void> {
  const isText = contentType.includes('-text');
  const bytes = frameOf(encode('SayRequest', { text: 'hello' }));
  const response = await fetch('/voice.VoiceAssistant/Say', {
    method: 'POST',
    body: isText ? base64Encode(bytes) : bytes,
    headers: { 'content-type': contentType, 'x-echo-trailing-a': 'behind' },
  });
  const { status, headers } = response;
  const kind = headers.get('content-type')?.replace('+proto', '');
  same([status, kind], [200, contentType.replace('+proto', '')], 'status and content-type');
  same(headers.get('grpc-status'), null, 'a status in the headers');
  const body = isText ? decodedPieces(await response.text()) : new Uint8Array(await response.arrayBuffer());
  const [message, trailers, ...others] = framesOf(body);
  same([message?.flags, trailers?.flags, others.length], [0, 0x80, 0], 'the flags of the frames');
  const fields = new TextDecoder().decode(trailers.payload).split('\r\n').map(withoutSpace);
  check(fields.includes('grpc-status:0'), `no status OK in ${JSON.stringify(fields)}`);
  check(
    fields.includes('x-echo-trailing-a:behind'),
    `no trailer of the service in ${JSON.stringify(fields)}`,
  );
  sameBytes(message.payload.subarray(2, 17), new TextEncoder().encode('You said: hello'), 'the reply');
}

function withoutSpace(field: string): string {
  return field.replace(/:[\t ]*/, ':').trimEnd();
}

export function frameOf(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(5 + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, 5);
  return frame;
}

function framesOf(body: Uint8Array): readonly Frame[] {
  const view = new DataView(body.buffer, body.byteOffset);
  const frames: Frame[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + view.getUint32(at + 1);
    frames.push({ flags: body[at], payload: body.subarray(at + 5, end) });
    at = end;
  }
  return frames;
}

/** Each piece may end in padding of its own (PROTOCOL-WEB). */
function decodedPieces(text: string): Uint8Array {
  const pieces = text.match(/[^=]+=*/g) ?? [];
  return new Uint8Array(pieces.flatMap((piece) => [...base64Decode(piece)]));
}
