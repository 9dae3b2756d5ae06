/** A number as it stands in a field, with the unit chosen beside it. */
export interface Quantity {
  text: string;
  unit: Unit;
}

export type Unit = 'seconds' | 'minutes' | 'hours' | 'days' | 'bytes' | 'KiB';

const FACTORS: Record<Unit, number> = {
  seconds: 1,
  minutes: 60,
  hours: 3600,
  days: 86_400,
  bytes: 1,
  KiB: 1024,
};

export const TIME_UNITS: Unit[] = ['seconds', 'minutes', 'hours', 'days'];
export const SIZE_UNITS: Unit[] = ['bytes', 'KiB'];

/** A whole number written in digits; `undefined` for anything else. */
export function parseWhole(text: string): number | undefined {
  return /^\d{1,12}$/.test(text.trim()) ? Number(text) : undefined;
}

export function toBase(quantity: Quantity): number | undefined {
  const amount = parseWhole(quantity.text);
  return amount === undefined ? undefined : amount * FACTORS[quantity.unit];
}

/** The largest of `units` that tells `base` in a whole number. */
export function fromBase(base: number, units: Unit[]): Quantity {
  const fits = units.filter((unit) => base % FACTORS[unit] === 0 && base >= FACTORS[unit]);
  const unit = fits.at(-1) ?? units[0] ?? 'seconds';
  return { text: String(base / FACTORS[unit]), unit };
}
