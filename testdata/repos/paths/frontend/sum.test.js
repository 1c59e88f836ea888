import { expect, test } from 'vitest'
import { sum } from 'sums'

test('sums', () => expect(sum(1, 2)).toBe(3))
