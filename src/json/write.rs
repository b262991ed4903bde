//! Text and numbers → JSON, as Python's `json.dumps(…, ensure_ascii=False)` writes them.

/// Appends `text` as a JSON string with its quotes. Only quotes, backslashes and control characters are escaped.
pub fn escape_json_string(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    loop {
        let plain = plain_length(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(&byte) = rest.get(plain) else { break };
        push_escape(out, byte);
        rest = &rest[plain + 1..];
    }
    out.push(b'"');
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0C => b'f',
        _ => {
            let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 0xF)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Length of the run that a JSON string may hold as it is: up to the first quote, backslash or control character.
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    let (chunks, _) = bytes.as_chunks::<8>();
    let whole = chunks.iter().take_while(|&&chunk| !has_special(u64::from_le_bytes(chunk))).count() * 8;
    whole + bytes[whole..].iter().take_while(|&&byte| !is_special(byte)).count()
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// [`is_special`] for any of eight bytes at once. Exact: a borrow can spread only above a byte that is special.
fn has_special(chunk: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGHS: u64 = ONES << 7;
    let below = |value: u64, bound: u64| value.wrapping_sub(ONES * bound) & !value;
    let quote = below(chunk ^ (ONES * 0x22), 1);
    let backslash = below(chunk ^ (ONES * 0x5C), 1);
    (below(chunk, 0x20) | quote | backslash) & HIGHS != 0
}

/// Appends `value` as Python's `repr` writes a float: the shortest digits that read back the same, with an exponent
/// below 1e-4 and from 1e16 on. Not finite: `nan`, `inf` and `-inf`.
pub fn python_float_repr(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        let text: &[u8] = if value.is_nan() {
            b"nan"
        } else if value > 0.0 {
            b"inf"
        } else {
            b"-inf"
        };
        out.extend_from_slice(text);
        return;
    }
    let mut buffer = zmij::Buffer::new();
    if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        // Neither writes an exponent here, and without one they write the same.
        out.extend_from_slice(buffer.format_finite(value).as_bytes());
    } else {
        python_float_repr_any(out, value);
    }
}

/// [`python_float_repr`] of any finite value, from its digits.
fn python_float_repr_any(out: &mut Vec<u8>, value: f64) {
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let mut buffer = zmij::Buffer::new();
    let shortest = Decimal::parse(buffer.format_finite(value.abs()).as_bytes());
    shortest.write(out);
}

/// A positive decimal number: 0.d₁d₂d₃… × 10^point.
struct Decimal {
    digits: [u8; 17],
    length: usize,
    point: i32,
}

impl Decimal {
    /// Reads the digits and the place of the point out of `123.45`, `0.001` or `1.5e-7`.
    fn parse(text: &[u8]) -> Self {
        let mut decimal = Self { digits: [b'0'; 17], length: 0, point: 0 };
        let mut in_fraction = false;
        let mut zeros = 0; // zeros seen since the last other digit: they count only if one more follows
        for (i, &byte) in text.iter().enumerate() {
            match byte {
                b'.' => in_fraction = true,
                b'0' => {
                    zeros += usize::from(decimal.length > 0);
                    decimal.point += match (in_fraction, decimal.length) {
                        (false, 1..) => 1,
                        (true, 0) => -1,
                        _ => 0,
                    };
                }
                b'1'..=b'9' => {
                    decimal.length += zeros;
                    zeros = 0;
                    if let Some(digit) = decimal.digits.get_mut(decimal.length) {
                        *digit = byte;
                    }
                    decimal.length += 1;
                    decimal.point += i32::from(!in_fraction);
                }
                _ => {
                    let exponent = text[i + 1..].iter().filter(|byte| byte.is_ascii_digit());
                    let exponent = exponent.fold(0, |sum, &digit| sum * 10 + i32::from(digit - b'0'));
                    decimal.point += if text[i + 1] == b'-' { -exponent } else { exponent };
                    break;
                }
            }
        }
        decimal.length = decimal.length.min(17); // an f64 has at most 17 shortest digits
        decimal
    }

    fn write(&self, out: &mut Vec<u8>) {
        let digits = &self.digits[..self.length];
        let zeros = |out: &mut Vec<u8>, count: usize| out.resize(out.len() + count, b'0');
        match (digits, self.point) {
            ([], _) => out.extend_from_slice(b"0.0"),
            (_, -3..=0) => {
                out.extend_from_slice(b"0.");
                zeros(out, self.point.unsigned_abs() as usize);
                out.extend_from_slice(digits);
            }
            (_, 1..=16) => {
                let whole = self.point.unsigned_abs() as usize;
                if let Some((before, after)) = digits.split_at_checked(whole)
                    && !after.is_empty()
                {
                    out.extend_from_slice(before);
                    out.push(b'.');
                    out.extend_from_slice(after);
                } else {
                    out.extend_from_slice(digits);
                    zeros(out, whole - digits.len());
                    out.extend_from_slice(b".0");
                }
            }
            ([first, rest @ ..], point) => {
                out.push(*first);
                if !rest.is_empty() {
                    out.push(b'.');
                    out.extend_from_slice(rest);
                }
                let exponent = point - 1;
                out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
                if exponent.abs() < 10 {
                    out.push(b'0');
                }
                out.extend_from_slice(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        escape_json_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    fn repr(value: f64) -> String {
        let mut out = Vec::new();
        python_float_repr(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_as_json_dumps_does() {
        for (text, expected) in [
            ("", r#""""#),
            ("plain text, no escape", r#""plain text, no escape""#),
            ("a\"b\\c/d", r#""a\"b\\c/d""#),
            ("\n\r\t\u{8}\u{c}", r#""\n\r\t\b\f""#),
            ("\0\u{1}\u{b}\u{1f}", r#""\u0000\u0001\u000b\u001f""#),
            ("é\u{7f}\u{2028}😀", "\"é\u{7f}\u{2028}😀\""),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn writes_floats_as_repr_does() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (10.0, "10.0"),
            (-1.5, "-1.5"),
            (100.25, "100.25"),
            (f64::from_bits(1e-4_f64.to_bits() - 1), "9.999999999999999e-05"),
            (f64::from_bits(1e16_f64.to_bits() - 1), "9999999999999998.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.000_123_4, "0.0001234"),
            (0.00001, "1e-05"),
            (0.000_012_34, "1.234e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (1.234_567_890_123_456_7e22, "1.2345678901234568e+22"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (0.146_880_876_801_187_94, "0.14688087680118794"),
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(repr(value), expected);
        }
    }

    proptest! {
        #[test]
        fn finds_every_special_byte(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let expected = bytes.iter().position(|&byte| is_special(byte)).unwrap_or(bytes.len());
            prop_assert_eq!(plain_length(&bytes), expected);
        }

        #[test]
        fn floats_read_back_the_same(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(repr(value).parse::<f64>().unwrap().to_bits(), bits);
        }

        #[test]
        fn floats_of_the_usual_size_are_written_from_their_digits_too(
            bits in prop_oneof![1e-5_f64.to_bits()..1e17_f64.to_bits(), 0.01_f64.to_bits()..100_f64.to_bits()],
            digits in 0_usize..17,
            negative: bool,
        ) {
            let value = f64::from_bits(bits);
            for value in [value, format!("{value:.digits$e}").parse().unwrap()] {
                let value = if negative { -value } else { value };
                let mut plain = Vec::new();
                python_float_repr_any(&mut plain, value);
                prop_assert_eq!(repr(value), String::from_utf8(plain).unwrap());
            }
        }

        #[test]
        fn escaped_text_reads_back_the_same(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&escaped(&text)).unwrap(), text);
        }
    }
}
