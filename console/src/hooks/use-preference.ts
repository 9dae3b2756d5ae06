import { useCallback, useState } from 'react';

/** What somebody chose, kept in this browser. */
export function usePreference<T>(name: string, initial: T): [T, (value: T) => void] {
  const key = `formiga.${name}`;
  const [value, setValue] = useState<T>(() => read(key, initial));
  const choose = useCallback(
    (chosen: T) => {
      localStorage.setItem(key, JSON.stringify(chosen));
      setValue(chosen);
    },
    [key],
  );
  return [value, choose];
}

function read<T>(key: string, initial: T): T {
  try {
    const text = localStorage.getItem(key);
    return text === null ? initial : (JSON.parse(text) as T);
  } catch {
    return initial;
  }
}
