package isolation

import (
	"os"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// allowed are the system calls that rendering takes: those of Go's runtime, of
// malloc and of threads, and to read and write what is open. Every other one
// fails with EPERM: a decoder opens no file and no socket, starts no process and
// reaches into none.
var allowed = []string{
	// What is open.
	"read", "readv", "write", "writev", "close", "fstat", "lseek",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "poll", "ppoll",
	// Memory.
	"brk", "mmap", "munmap", "mprotect", "mremap", "madvise", "mincore", "membarrier",
	// Threads; clone is below, and for clone3 see denied.
	"futex", "futex_waitv", "set_robust_list", "rseq", "set_tid_address", "arch_prctl", "gettid", "getpid",
	"sched_yield", "sched_getaffinity", "exit", "exit_group", "restart_syscall",
	// Signals, timers and clocks.
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "nanosleep",
	"clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "getcpu",
	// What libraries ask about the machine.
	"getrandom", "getrusage", "sysinfo", "uname", "getuid", "geteuid", "getgid", "getegid",
}

// confine puts the filter on every thread of the process, for good.
func confine() error {
	if !seccomp.Supported() {
		return os.NewSyscallError("seccomp", unix.ENOSYS)
	}
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	group := seccomp.SyscallGroup{Action: seccomp.ActionAllow}
	for _, name := range allowed {
		// No machine has all of them.
		if _, ok := info.SyscallNames[name]; ok {
			group.Names = append(group.Names, name)
		}
	}
	equal := func(name string, argument uint32, value uint64) {
		group.NamesWithCondtions = append(group.NamesWithCondtions, seccomp.NameWithConditions{
			Name:       name,
			Conditions: seccomp.ArgumentConditions{{Argument: argument, Operation: seccomp.Equal, Value: value}},
		})
	}
	group.NamesWithCondtions = append(group.NamesWithCondtions, seccomp.NameWithConditions{
		Name:       "clone",
		Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}},
	})
	equal("tgkill", 0, uint64(os.Getpid())) // abort, and Go's preemption
	equal("prlimit64", 2, 0)                // reading
	equal("prctl", 0, unix.PR_SET_NAME)     // of a thread
	equal("prctl", 0, unix.PR_SET_VMA)      // Go names its memory
	equal("fcntl", 1, unix.F_GETFL)
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno,
			Syscalls: []seccomp.SyscallGroup{
				group,
				// Its flags are behind a pointer, which a filter cannot see. Told
				// that there is none, libc uses clone.
				{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
			},
		},
	})
}
