import { FormerPlaces } from '../src/playlist/former-places.ts';

/** The places of a film of one source that is gone, in which every segment has a name of its own. */
function left(source: string, segments: number) {
  return {
    places: new Map(Array.from({ length: segments }, (_, place) => [`${source}-${place}`, place])),
    segments: [],
  };
}

test('a film that goes from source to source remembers the places of those that were left last, within a budget', () => {
  const former = new FormerPlaces();
  former.replaced(left('a', 2), []);
  former.replaced(left('b', 10), []);
  expect([former.of('a-1'), former.of('b-9')]).toEqual([1, 9]);
  former.replaced(left('c', 49_995), []);
  expect(['a-1', 'b-4', 'b-5', 'c-0'].map((name) => former.has(name))).toEqual([false, false, true, true]);
  // What players are watching is remembered whole, however long it is.
  former.replaced(left('d', 60_000), []);
  expect(['c-49994', 'd-0'].map((name) => former.has(name))).toEqual([false, true]);
});
