// A client in Go, linked statically: mapping DEVICE FILE COUNT. Its goroutines are many, and the runtime interrupts
// threads with signals as it likes. Streams with syscall.Mmap; where it may not, it reads.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const (
	capture, memoryMmap, yuyv = 1, 1, 0x56595559
	width, height             = 320, 180

	sFmt, reqbufs         = 0xc0d05605, 0xc0145608
	querybuf, qbuf, dqbuf = 0xc0585609, 0xc058560f, 0xc0585611
	streamon, streamoff   = 0x40045612, 0x40045613
)

var order = binary.LittleEndian

func ioctl(fd int, command uintptr, argument []byte) error {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), command, uintptr(unsafe.Pointer(&argument[0])))
	if errno != 0 {
		return errno
	}
	return nil
}

func must(err error, what string) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(1)
	}
}

func describe(index uint32) []byte {
	buffer := make([]byte, 88)
	order.PutUint32(buffer, index)
	order.PutUint32(buffer[4:], capture)
	order.PutUint32(buffer[60:], memoryMmap)
	return buffer
}

// Keeps all threads of the runtime busy, so that it preempts them.
func keepBusy(end *atomic.Bool, done chan<- int) {
	sum := 0
	for !end.Load() {
		for i := 0; i < 1_000_000; i++ {
			sum += i
		}
	}
	done <- sum
}

func stream(fd int, count int, frames *os.File) {
	kind := order.AppendUint32(nil, capture)
	memory := make([][]byte, 4)
	for i := range memory {
		buffer := describe(uint32(i))
		must(ioctl(fd, querybuf, buffer), "QUERYBUF")
		offset, length := order.Uint32(buffer[64:]), order.Uint32(buffer[72:])
		var err error
		memory[i], err = syscall.Mmap(fd, int64(offset), int(length), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
		must(err, "mmap")
		must(ioctl(fd, qbuf, describe(uint32(i))), "QBUF")
	}
	must(ioctl(fd, streamon, kind), "STREAMON")
	for ; count > 0; count-- {
		buffer := describe(0)
		for {
			err := ioctl(fd, dqbuf, buffer)
			if err == syscall.EINTR {
				continue
			}
			must(err, "DQBUF")
			break
		}
		index, used := order.Uint32(buffer), order.Uint32(buffer[8:])
		_, err := frames.Write(memory[index][:used])
		must(err, "write")
		must(ioctl(fd, qbuf, describe(index)), "QBUF")
	}
	must(ioctl(fd, streamoff, kind), "STREAMOFF")
}

func main() {
	count, err := strconv.Atoi(os.Args[3])
	must(err, "count")
	frames, err := os.Create(os.Args[2])
	must(err, os.Args[2])
	fd, err := syscall.Open(os.Args[1], syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	must(err, os.Args[1])

	form := make([]byte, 208)
	for i, value := range []uint32{width, height, yuyv} {
		order.PutUint32(form[8+4*i:], value)
	}
	order.PutUint32(form, capture)
	must(ioctl(fd, sFmt, form), "S_FMT")

	var end atomic.Bool
	done := make(chan int)
	for i := 0; i < 4; i++ {
		go keepBusy(&end, done)
	}
	request := make([]byte, 20)
	for i, value := range []uint32{4, capture, memoryMmap} {
		order.PutUint32(request[4*i:], value)
	}
	err = ioctl(fd, reqbufs, request)
	if err == nil {
		fmt.Println("reqbufs 4: ok")
		stream(fd, count, frames)
		fmt.Println("streamed:", count, "frames")
	} else if err == syscall.EINVAL {
		fmt.Println("reqbufs 4: EINVAL")
		frame := make([]byte, order.Uint32(form[28:]))
		for i := 0; i < count; i++ {
			read := 0
			for read == 0 {
				read, err = syscall.Read(fd, frame)
				if err != syscall.EINTR {
					must(err, "read")
				}
				read = max(read, 0)
			}
			_, err = frames.Write(frame[:read])
			must(err, "write")
		}
		fmt.Println("read:", count, "frames")
	} else {
		must(err, "REQBUFS")
	}
	end.Store(true)
	for i := 0; i < 4; i++ {
		<-done
	}
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}
