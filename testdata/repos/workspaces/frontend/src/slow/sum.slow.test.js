import { expect, test } from 'vitest'
import { sumAll } from '../sum'

test('sums many', () => expect(sumAll(...Array(1000).fill(1))).toBe(1000))
