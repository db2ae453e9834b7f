package overlay

import (
	"fmt"
	"strconv"
	"strings"
)

// Money is an amount in a currency. It is never converted and never a floating point number.
type Money struct {
	Amount   int64  `json:"amount"`   // minor units, such as cents: 0 to 10^12
	Currency string `json:"currency"` // ISO 4217, upper case
}

// currencies are the codes of ISO 4217 that money can have, each followed by a space.
const currencies = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD " +
	"CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF " +
	"GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD " +
	"MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR " +
	"RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX " +
	"USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG "

// IsCurrency says whether code is a currency that money can have.
func IsCurrency(code string) bool {
	if len(code) != 3 || strings.Contains(code, " ") {
		return false
	}
	at := strings.Index(currencies, code+" ")
	return at >= 0 && at%4 == 0
}

// Exponent gives the decimal digits of a currency's minor unit: 2 for EUR, 0 for JPY. Codes that are no currency have 2.
func Exponent(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}

// String gives the decimal form, such as "24.99 EUR".
func (m Money) String() string {
	digits, exponent := strconv.FormatInt(m.Amount, 10), Exponent(m.Currency)
	if exponent == 0 {
		return digits + " " + m.Currency
	}
	sign := ""
	if m.Amount < 0 {
		sign, digits = "-", digits[1:]
	}
	if missing := exponent + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - exponent
	return sign + digits[:point] + "." + digits[point:] + " " + m.Currency
}

// ParseMoney reads the decimal form that feeds use: digits, at most one point, and no more decimals than the currency has,
// trailing zeros aside. Signs, thousands separators and currency symbols are refused.
func ParseMoney(decimal, currency string) (Money, error) {
	if !IsCurrency(currency) {
		return Money{}, fmt.Errorf("currency %s: must be a code of ISO 4217 in upper case", quote(currency))
	}
	exponent := Exponent(currency)
	whole, fraction, point := strings.Cut(decimal, ".")
	if len(fraction) > exponent {
		fraction = fraction[:exponent] + strings.TrimRight(fraction[exponent:], "0")
	}
	if whole == "" || point && fraction == "" && exponent > 0 || !isDigits(whole) || !isDigits(fraction) || len(fraction) > exponent || len(whole) > 13 {
		return Money{}, fmt.Errorf("amount %s: must be digits with at most %d decimals behind a point", quote(decimal), exponent)
	}
	minor := whole + fraction + strings.Repeat("0", exponent-len(fraction))
	amount, err := strconv.ParseInt(minor, 10, 64)
	if err != nil || amount > MaxAmount {
		return Money{}, fmt.Errorf("amount %s: must be at most %v", quote(decimal), Money{MaxAmount, currency})
	}
	return Money{amount, currency}, nil
}

// fault gives what is wrong with m, a field's value; nil where nothing is.
func (m Money) fault(field string) *Fault {
	switch {
	case !IsCurrency(m.Currency):
		return &Fault{field + ".currency", "is " + quote(m.Currency), "must be a code of ISO 4217 in upper case"}
	case m.Amount < 0 || m.Amount > MaxAmount:
		return &Fault{field + ".amount", "is " + strconv.FormatInt(m.Amount, 10), amountRule}
	}
	return nil
}

const amountRule = "must be an integer of minor units (2499 for 24.99 EUR), 0 to 1000000000000"

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }
