import { createContext, useContext } from 'react';
import en from './en.json';

export type MessageKey = keyof typeof en;
export type Messages = Record<MessageKey, string>;
export type Language = 'en' | 'pt-BR' | 'es';
export type Translate = (key: MessageKey, values?: Record<string, string | number>) => string;

export const LANGUAGES: Record<Language, string> = {
  en: 'English',
  'pt-BR': 'Português (Brasil)',
  es: 'Español',
};

/** The language that the browser asks for first among those there are. */
export function preferredLanguage(asked: readonly string[]): Language {
  for (const language of asked) {
    if (language.startsWith('pt')) return 'pt-BR';
    if (language.startsWith('es')) return 'es';
    if (language.startsWith('en')) return 'en';
  }
  return 'en';
}

export async function loadMessages(language: Language): Promise<Messages> {
  switch (language) {
    case 'pt-BR':
      return (await import('./pt-BR.json')).default;
    case 'es':
      return (await import('./es.json')).default;
    case 'en':
      return en;
  }
}

/** Fills the places of a message, which are names in braces. */
export function fill(text: string, values: Record<string, string | number> = {}): string {
  return text.replaceAll(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

export interface I18n {
  language: Language;
  t: Translate;
}

export const I18nContext = createContext<I18n>({
  language: 'en',
  t: (key, values) => fill(en[key], values),
});

export const useI18n = (): I18n => useContext(I18nContext);

export function formatDate(language: Language, date: Date): string {
  const style = { dateStyle: 'medium', timeStyle: 'medium' } as const;
  return new Intl.DateTimeFormat(language, style).format(date);
}

export const formatNumber = (language: Language, number: number): string =>
  new Intl.NumberFormat(language).format(number);
