"""Values to bytes and back: digits, text, dates, records, TLV, check digits."""
