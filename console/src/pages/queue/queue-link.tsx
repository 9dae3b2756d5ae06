import Link from '@cloudscape-design/components/link';
import { useNavigate } from 'react-router-dom';

export function QueueLink({ name }: { name: string }) {
  const navigate = useNavigate();
  return (
    <Link
      href={`/console/queues/${name}`}
      onFollow={(event) => {
        event.preventDefault();
        void navigate(`/queues/${name}`);
      }}
    >
      {name}
    </Link>
  );
}
