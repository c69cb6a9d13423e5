-- How large the waveform is that lies beside the audio, under the same id. NULL: there is none.
ALTER TABLE jobs ADD COLUMN peaks_bytes BIGINT;
