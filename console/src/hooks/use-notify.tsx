import Flashbar, { type FlashbarProps } from '@cloudscape-design/components/flashbar';
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react';
import { useI18n } from '../i18n';

export type Notify = (type: 'success' | 'error' | 'info', text: string, details?: string) => void;

const NotifyContext = createContext<Notify>(() => undefined);
const ItemsContext = createContext<FlashbarProps.MessageDefinition[]>([]);

let next = 0;

/** Tells what became of an action, on whichever page that is read. */
export function NotifyProvider({ children }: { children: ReactNode }) {
  const { t } = useI18n();
  const [items, setItems] = useState<FlashbarProps.MessageDefinition[]>([]);
  const notify = useCallback<Notify>(
    (type, text, details) => {
      const id = String(next++);
      const onDismiss = () => setItems((now) => now.filter((item) => item.id !== id));
      const dismissLabel = t('action.dismiss');
      const item = {
        id,
        type,
        header: text,
        content: details,
        dismissible: true,
        dismissLabel,
        onDismiss,
      };
      setItems((now) => [item, ...now].slice(0, 3));
      if (type !== 'error') setTimeout(onDismiss, 8000);
    },
    [t],
  );
  const shown = useMemo(() => items, [items]);
  return (
    <NotifyContext value={notify}>
      <ItemsContext value={shown}>{children}</ItemsContext>
    </NotifyContext>
  );
}

export const useNotify = (): Notify => useContext(NotifyContext);

export function Notifications() {
  return <Flashbar items={useContext(ItemsContext)} stackItems />;
}
