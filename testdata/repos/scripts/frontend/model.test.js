import { expect, test } from 'vitest'
import { model } from './generated'

test('was generated', () => expect(model.name).toBe('order'))
