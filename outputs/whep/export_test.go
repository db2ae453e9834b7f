package whep

// Runs says whether sessions may begin.
func (s *Server) Runs() bool { return s.roster.Runs() }
