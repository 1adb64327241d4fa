// The process that holds a pod's namespaces: it reaps what is orphaned there and ends when it is told to.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	heard := make(chan os.Signal, 16)
	signal.Notify(heard, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for got := range heard {
		if got != syscall.SIGCHLD {
			return
		}
		for {
			// -1: any child; more than one may have ended for one signal
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
