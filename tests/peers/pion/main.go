// A pion agent with one component that speaks JSON lines, those of tests/peers/libnice_peer.py.
//
// It has host candidates of one address: UDP, and passive TCP on one port. Pion 2.3 never opens a connection.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/pion/ice/v2"
)

// A packet of RTP over ICE is never longer.
const longestPacket = 8192

type command struct {
	Do         string   `json:"do"`
	Ufrag      string   `json:"ufrag"`
	Password   string   `json:"password"`
	Candidates []string `json:"candidates"`
	Data       string   `json:"data"`
}

type values map[string]interface{}

var output sync.Mutex

// emit writes one line.
func emit(event string, more values) {
	line := values{"event": event}
	for key, value := range more {
		line[key] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

// must ends the program where there is an error.
func must(err error) {
	if err != nil {
		emit("error", values{"reason": err.Error()})
		os.Exit(1)
	}
}

func newAgent(host string, udp bool, tcp bool) *ice.Agent {
	config := &ice.AgentConfig{
		CandidateTypes:   []ice.CandidateType{ice.CandidateTypeHost},
		MulticastDNSMode: ice.MulticastDNSModeDisabled,
		IncludeLoopback:  true,
		IPFilter:         func(address net.IP) bool { return address.String() == host },
	}
	if udp {
		config.NetworkTypes = append(config.NetworkTypes, ice.NetworkTypeUDP4)
	}
	if tcp {
		listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.ParseIP(host)})
		must(err)
		config.NetworkTypes = append(config.NetworkTypes, ice.NetworkTypeTCP4)
		config.TCPMux = ice.NewTCPMuxDefault(ice.TCPMuxParams{Listener: listener, ReadBufferSize: 64})
	}
	agent, err := ice.NewAgent(config)
	must(err)
	return agent
}

// stateName gives the names of libnice where the two mean the same: ready is who has a selected pair.
func stateName(state ice.ConnectionState) string {
	if state == ice.ConnectionStateConnected {
		return "ready"
	}
	return strings.ToLower(state.String())
}

func gather(agent *ice.Agent) {
	done := make(chan struct{})
	lines := []string{}
	must(agent.OnCandidate(func(candidate ice.Candidate) {
		if candidate == nil {
			close(done)
			return
		}
		lines = append(lines, "candidate:"+candidate.Marshal())
	}))
	must(agent.GatherCandidates())
	<-done
	ufrag, password, err := agent.GetLocalUserCredentials()
	must(err)
	emit("local", values{"ufrag": ufrag, "password": password, "candidates": lines})
}

// connect runs the checks; what arrives afterwards is told.
func connect(agent *ice.Agent, role string, remote command, connected chan<- *ice.Conn) {
	begin := agent.Accept
	if role == "controlling" {
		begin = agent.Dial
	}
	connection, err := begin(context.Background(), remote.Ufrag, remote.Password)
	if err != nil {
		emit("error", values{"reason": err.Error()})
		return
	}
	connected <- connection
	packet := make([]byte, longestPacket)
	for {
		size, err := connection.Read(packet)
		if err != nil {
			return
		}
		emit("data", values{"data": hex.EncodeToString(packet[:size])})
	}
}

func addCandidates(agent *ice.Agent, lines []string) {
	for _, line := range lines {
		candidate, err := ice.UnmarshalCandidate(strings.TrimPrefix(line, "candidate:"))
		if err == nil {
			err = agent.AddRemoteCandidate(candidate)
		}
		if err != nil {
			emit("error", values{"reason": line + ": " + err.Error()})
		}
	}
}

func send(connected chan *ice.Conn, data string) {
	connection := <-connected
	connected <- connection
	packet, err := hex.DecodeString(data)
	must(err)
	size, err := connection.Write(packet)
	if err != nil {
		size = -1
	}
	emit("sent", values{"bytes": size})
}

func main() {
	host := flag.String("address", "127.0.0.1", "local address")
	role := flag.String("role", "controlled", "controlling or controlled")
	noUDP := flag.Bool("no-udp", false, "")
	noTCP := flag.Bool("no-tcp", false, "")
	flag.Parse()

	agent := newAgent(*host, !*noUDP, !*noTCP)
	must(agent.OnConnectionStateChange(func(state ice.ConnectionState) {
		emit("state", values{"state": stateName(state)})
	}))
	must(agent.OnSelectedCandidatePairChange(func(local, remote ice.Candidate) {
		emit("pair", values{"local": "candidate:" + local.Marshal(), "remote": "candidate:" + remote.Marshal()})
	}))
	gather(agent)
	connected := make(chan *ice.Conn, 1)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 65536), 1<<20)
	for lines.Scan() {
		var todo command
		must(json.Unmarshal(lines.Bytes(), &todo))
		switch todo.Do {
		case "remote":
			addCandidates(agent, todo.Candidates)
			go connect(agent, *role, todo, connected)
		case "send":
			send(connected, todo.Data)
		case "quit":
			return
		default:
			emit("error", values{"reason": "unknown command " + todo.Do})
		}
	}
}
