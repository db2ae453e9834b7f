package hevc

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// ProfileLevel is the general part of profile_tier_level, ITU-T H.265 §7.3.3, twelve bytes as they stand in the SPS and in
// the hvcC:
//
//	profile space 2 · tier 1 · profile 5 · compatibility flags 32 · constraint flags 48 · level 8
type ProfileLevel struct {
	Space         uint8   // general_profile_space, 0 in this version of the standard
	HighTier      bool    // general_tier_flag
	ProfileIDC    uint8   // general_profile_idc, 0 to 31
	Compatibility uint32  // general_profile_compatibility_flag, number 0 in the highest bit
	Constraints   [6]byte // progressive, interlaced, non-packed, frame-only, and what depends on the profile
	LevelIDC      uint8   // general_level_idc, thirty times the level
}

// Profile gives the profile as people write it, such as "Main 10" (§A.3); "profile 9" where it has no name here. A
// profile_idc of 0 is read from the compatibility flags.
func (p ProfileLevel) Profile() string {
	idc := int(p.ProfileIDC)
	if idc == 0 && p.Compatibility != 0 {
		idc = bits.LeadingZeros32(p.Compatibility)
	}
	switch idc {
	case 1:
		return "Main"
	case 2:
		return "Main 10"
	case 3:
		return "Main Still Picture"
	case 4:
		return "Rext"
	}
	return fmt.Sprintf("profile %d", idc)
}

// String gives the level as people write it, such as "4.1" (§A.4.1).
func (p ProfileLevel) String() string {
	return fmt.Sprintf("%d.%d", p.LevelIDC/30, p.LevelIDC%30/3)
}

// parseProfileLevel reads exactly 12 bytes.
func parseProfileLevel(b []byte) ProfileLevel {
	return ProfileLevel{
		Space: b[0] >> 6, HighTier: b[0]>>5&1 == 1, ProfileIDC: b[0] & 31,
		Compatibility: binary.BigEndian.Uint32(b[1:]),
		Constraints:   [6]byte(b[5:11]),
		LevelIDC:      b[11],
	}
}

func (p ProfileLevel) append(dst []byte) []byte {
	head := p.Space<<6 | p.ProfileIDC&31
	if p.HighTier {
		head |= 1 << 5
	}
	dst = binary.BigEndian.AppendUint32(append(dst, head), p.Compatibility)
	dst = append(dst, p.Constraints[:]...)
	return append(dst, p.LevelIDC)
}
