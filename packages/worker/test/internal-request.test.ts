import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { pino } from 'pino';
import { refuseNode } from '../src/internal-request.ts';

test('what was stopped because the other node has gone is no error, anything else is', () => {
  const logged: string[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => logged.push(line) });
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  res.destroy();
  refuseNode(res, AbortSignal.abort().reason, log);
  expect(logged).toEqual([]);
  refuseNode(res, new TypeError('a mistake'), log);
  expect(logged).toHaveLength(1);
});
