"""watch.py - memory, descriptors and threads of the programs that live long, next to their twins without the library."""
import processes
from claims import DESCRIPTORS, MEMORY
from support.ports import wait_until

# What the library may add to a process: the near queue (288 kB), while the Collector is away the far one (1 MB and 128 kB, most of
# it given back afterwards), one batch (512 spans of about 1 kB), stack, code and tables, pools for what is open at once.
MORE_KB = 4096
GROWTH_KB = 128

OWN_DESCRIPTORS = 2  # the connection to the Collector, and what it asks a name server by


class Watch:
    def __init__(self, claims, worlds):
        self.claims, self.worlds = claims, worlds
        self.with_us, self.bare = worlds
        self.samples, self.warm = [], 0
        self.descriptors = (0, 0, 0)  # of nginx with the library, without it, and of our thread, when last looked at

    def sample(self):
        self.samples.append({(world.name, name): processes.memory_kb(pid) for world in self.worlds for name, pid in world.pids.items()})

    def is_warm(self):
        self.warm = len(self.samples)

    def _counts(self):
        """Descriptors and threads of each, by name."""
        return [{name: (len(processes.descriptors(pid)), len(processes.threads(pid))) for name, pid in world.pids.items()}
                for world in self.worlds]

    def _own_descriptors(self):
        worker = self.with_us.pids["nginx"]
        return [len(processes.descriptors(worker, thread)) for thread in processes.threads(worker) if thread != worker]

    def look_at_descriptors(self, where):
        """While nobody asks. nginx keeps a connection that was reset under it until its timeout, with us and without."""
        def alike():
            return all(ours[0] == theirs[0] for ours, theirs in zip(*(counts.values() for counts in self._counts())))
        try:
            wait_until(alike, 6, "", pause=0.05)
        except AssertionError:
            pass  # said by the checks
        ours, theirs = self._counts()
        for name in ours:
            said = f"{where}: {name} has {ours[name]} descriptors and threads, without the library {theirs[name]}"
            self.claims.check(DESCRIPTORS, ours[name][0] == theirs[name][0] and ours[name][1] <= theirs[name][1] + 1, said)
        own = self._own_descriptors()
        self.claims.check(DESCRIPTORS, all(count <= OWN_DESCRIPTORS for count in own), f"{where}: our thread has {own} descriptors")
        self.descriptors = ours["nginx"][0], theirs["nginx"][0], sum(own)

    def cpu(self):
        """One line on what the server's worker used."""
        worker, twin = (world.pids["nginx"] for world in self.worlds)
        own = sum(processes.cpu_ns(worker, thread) for thread in processes.threads(worker) if thread != worker) / 1e9
        app, bare = processes.cpu_ns(worker, worker) / 1e9, processes.cpu_ns(twin, twin) / 1e9
        return (f"CPU of the steady nginx worker: its own thread {app:.2f} s, without the library {bare:.2f} s; "
                f"our thread {own:.2f} s, {100 * own / (own + app):.0f} % of the process")

    def check_memory(self):
        """After the warm-up all that the library maps is there and was touched: what it needs more then, it leaks."""
        rest = self.samples[self.warm:]
        parts = rest[:max(2, len(rest) // 10)], rest[-max(2, len(rest) // 20):], self.samples
        for name in ("nginx", *self.with_us.clients):
            first, last, most = ([max(sample[world.name, name] for sample in part) for world in self.worlds] for part in parts)
            growth = [end - begin for begin, end in zip(first, last)]
            print(f"memory of {name} in kB (without the library): after the warm-up {first[0]} ({first[1]}), "
                  f"at the end {last[0]} ({last[1]}), at most {most[0]} ({most[1]})")
            self.claims.check(MEMORY, growth[0] <= max(0, growth[1]) + GROWTH_KB and most[0] - most[1] <= MORE_KB,
                              f"{name} grew by {growth[0]} kB, without the library by {growth[1]}; most: {most[0]} and {most[1]} kB")
