import { Events } from '../src/events.ts';

test('a listener that throws breaks neither the emitter nor the others', () => {
  const errors: unknown[] = [];
  const seen: string[] = [];
  const events = new Events<{ said: [string] }>((error) => errors.push(error));
  events.on('said', () => {
    throw new Error('mine');
  });
  const remove = events.on('said', (word) => seen.push(word));
  events.emit('said', 'a');
  remove();
  remove();
  events.emit('said', 'b');
  expect(seen).toEqual(['a']);
  expect(errors.length).toBe(2);
});
